"""One batch: delete, ledger and fence as one transaction in one message.

The body is a DO block, so that the count of a plain DELETE (no RETURNING, which would cost half
as much again) reaches the ledger without another round trip.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from psycopg import sql

from maintcli.db import search_path, sqlstate
from maintcli.runtime import ledger
from maintcli.runtime.context import Context

# Who waits for this transaction. It is asked at the end of a batch, which still holds its locks:
# between batches nobody can wait for us.
_WAITING = sql.SQL("""(SELECT count(DISTINCT pid) FROM pg_catalog.pg_locks
    WHERE NOT granted AND pg_backend_pid() = ANY (pg_catalog.pg_blocking_pids(pid)))""")


class Below(NamedTuple):
    """What a batch of a closure walk did beside the rows of its part.

    `members`, `unlinked` and `blockers` are rows by the members and links of the Cascade, `blocked`
    the roots that stay because of blockers. `named` are columns of the roots that went, `failures`
    the key, SQLSTATE and message of some of the `failed` roots. `group` is how many roots to take
    next, `retry` whether the same ones are meant; `waits` are waits for locks of single rows.
    `first` and `second` are milliseconds of the first two groups. `late` are roots that take too
    long, `kept` the rows and bytes that the archive got.
    """

    members: Sequence[int]
    unlinked: Sequence[int]
    blockers: Sequence[int]
    blocked: int
    named: list[list[str]]
    group: int
    failed: int
    failures: list[tuple[str, str, str]]
    waits: int
    retry: bool
    first: float | None
    second: float | None
    late: int = 0
    kept: tuple[int, int] = (0, 0)


class Done(NamedTuple):
    """What a batch did. `total` is the ledger's count for the run, which survives a lost COMMIT.

    `left` are stale rows that others hold locked, `end` is where the batch ended (None: there is
    no more), `tied` says that the next value has too many rows to be one bite. `waiting` are the
    sessions that waited for it at its end, `below` what a closure walk did beside. `inserted` are
    rows that triggers put into the relation of the step.
    """

    rows: int
    total: int
    left: int
    end: str | None
    tied: bool
    shown: list[list[str]]
    server_ms: float
    wall_ms: float
    waiting: int = 0
    below: Below | None = None
    inserted: int = 0


class Terms(NamedTuple):
    """What a caller lays down for a batch, whatever its walk does.

    `most` is how many rows the run may still delete, as the server knows it (None: any number); a
    bite that is `limited` keeps to it. `watched`: who waits for the batch is counted. `check`
    raises where the tables are not what they were when the run began. `oid` is the relation whose
    inserted rows are counted.
    """

    most: sql.Composable | None = None
    watched: bool = False
    check: sql.Composable | None = None
    oid: int | None = None


class Step(NamedTuple):
    """PL/pgSQL for a batch: the bite that is repeated, settings, and declarations.

    A bite adds to maint_n what it changed, says in maint_end how far it got, and sets maint_stop
    when there is no more to do. `seconds` is how long it may take, where that is not the usual.
    `after` follows the ledger's own entry.
    """

    bite: sql.Composable
    settings: sql.Composable | None = None
    declare: sql.Composable | None = None
    counter: ledger.Counter = "deleted_count"
    seconds: float | None = None
    after: sql.Composable | None = None
    terms: Terms = Terms()


# What follows the bites is ours alone, so the catalog's names alone are meant from there on.
# The fence comes before the ledger, as heartbeat comes before ledger wherever both are locked.
# The server watches the clock: no guess of ours about the next rows can make a batch long.
# What it does comes early: pg_stat_activity shows the first 1024 bytes of a message.
# A condition of the user's may name a column that is called like a variable: FOUND is one of each
# block, and ours begin with maint_, as no column of theirs may (see db/catalog/protections.py).
_FRAME = sql.SQL("""DO {quote}
#variable_conflict use_column
DECLARE
maint_n int8 := 0;
maint_k int8;
maint_left int8 := 0;
maint_end text;
maint_stop bool;
maint_tied bool := false;
maint_shown json;
maint_most int8{most};
maint_seconds float8 := {budget};
maint_extra json;
maint_new int8 := {inserted};
{declare}
BEGIN
LOOP
{bite}
EXIT WHEN maint_stop OR maint_shown IS NOT NULL OR maint_n >= maint_most
    OR clock_timestamp() >= statement_timestamp() + make_interval(secs => maint_seconds);
END LOOP;
{pinned}
{keys_act}
{check}
{fence}
{ledger}
PERFORM set_config('maint.result', pg_catalog.json_build_array(
    maint_n, maint_left, maint_end, maint_tied, maint_shown,
    {inserted} - maint_new, maint_extra)::text, true);
END {quote}""")

# A trigger may set it, for good even, and foreign keys then act no more; another client of a pooler
# may have left it set. What the role or the database sets is seen when the run begins.
_KEYS_ACT = sql.SQL("""IF current_setting('session_replication_role') = 'replica' THEN
    IF EXISTS (SELECT FROM pg_catalog.pg_settings
               WHERE name = 'session_replication_role' AND reset_val <> 'replica') THEN
        RAISE EXCEPTION 'session_replication_role was set' USING ERRCODE = {state};
    END IF;
END IF;""").format(state=sqlstate.ROLE_CHANGED)

# What the statistics have of this transaction, and perhaps of those before it: a difference counts.
_INSERTED = sql.SQL("pg_catalog.pg_stat_get_xact_tuples_inserted({}::oid)")

# statement_timestamp() is the arrival of the whole message, so the difference is the server's work.
_RESULT = sql.SQL("""SELECT
    current_setting('maint.result'),
    extract(epoch FROM clock_timestamp() - statement_timestamp())::float8 * 1000,
    {total},
    {waiting}""")

# A COMMIT that waits for the disk costs a batch half as much again. A crash of the server may so
# lose the last batches, but rows and ledger together; the run's end waits, for itself and them.
_FLUSH_LATER = sql.SQL("SET LOCAL synchronous_commit = off")

# A DO block is new to the server each time. Left to itself it plans each statement anew for the
# first five bites, which is most of a batch: measured, a quarter of the time along an index.
_PLAN_ONCE = sql.SQL("SET LOCAL plan_cache_mode = force_generic_plan")


class Message(NamedTuple):
    """A batch as the server gets it, between BEGIN and COMMIT."""

    settings: sql.Composable
    body: sql.Composable
    result: sql.Composable


def message(context: Context, step: Step, budget_ms: float, *, counted: bool = True) -> Message:
    """Put together the message of `step`; without fence and ledger where it is not `counted`."""
    lease, session = (context.lease if counted else None), context.session
    foreign, terms = session.runs_code_of_users, step.terms
    nothing = sql.SQL("")
    parts = {
        "declare": step.declare or nothing,
        "most": sql.SQL(" := {}").format(terms.most) if terms.most else nothing,
        "bite": step.bite,
        "budget": sql.Literal(budget_ms / 1000),
        "pinned": sql.SQL("{};").format(search_path.PINNED) if foreign else nothing,
        "keys_act": _KEYS_ACT,
        "inserted": _INSERTED.format(terms.oid) if terms.oid else sql.SQL("0"),
        "check": terms.check or nothing,
        "ledger": (ledger.progress(lease, step.counter) if lease else nothing)
        + (step.after or nothing),
        "fence": lease.fence() if lease else nothing,
    }
    total = ledger.total(lease, step.counter) if lease else sql.SQL("0::bigint")
    settings = (
        session.path if foreign else None,
        step.settings,
        _PLAN_ONCE,
        _FLUSH_LATER if lease else None,
    )
    return Message(
        sql.SQL("; ").join(filter(None, settings)),
        quoted(_FRAME, parts, session.connection),
        _RESULT.format(total=total, waiting=_WAITING if terms.watched else sql.SQL("0")),
    )


def read(rows: Sequence[tuple[Any, ...]], wall_ms: float) -> Done:
    """What the result of a message says; it took `wall_ms` for us."""
    ((result, server_ms, counted, waiting),) = rows
    deleted, left, end, tied, found, inserted, extra = json.loads(result)
    below = Below(**extra) if extra else None
    shown: list[list[str]] = found or (below.named if below else [])
    took = server_ms, wall_ms
    return Done(deleted, counted, left, end, tied, shown, *took, waiting, below, inserted)


def quoted(frame: sql.SQL, parts: dict[str, sql.Composable], connection: object) -> sql.Composable:
    """Fill `frame`, with a dollar quote that no name or value inside can close."""
    inside = sql.Composed(parts.values()).as_string(connection)  # type: ignore[arg-type]
    tag = "$maint$"
    while tag in inside:
        tag = tag[:-1] + "_$"
    return frame.format(**parts, quote=sql.SQL(tag))  # pyright: ignore[reportArgumentType]  our own tag
