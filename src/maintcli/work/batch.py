"""One batch: delete, ledger and fence as one transaction in one message.

The body is a DO block, so that the count of a plain DELETE (no RETURNING, which would cost half
as much again) reaches the ledger without another round trip.
"""

import json
import time
from collections.abc import Sequence
from typing import Literal, NamedTuple

from psycopg import sql

from maintcli.runtime import ledger
from maintcli.runtime.context import Context


class Done(NamedTuple):
    """What a batch did. `total` is the ledger's count for the run, which survives a lost COMMIT.

    `left` are stale rows that others hold locked, `end` is where the batch ended (None: there is
    no more), `tied` says that the next value has too many rows to be one bite.
    """

    rows: int
    total: int
    left: int
    end: str | None
    tied: bool
    shown: list[list[str]]
    server_ms: float
    wall_ms: float


class Step(NamedTuple):
    """PL/pgSQL for a batch: the bite that is repeated, settings, and declarations.

    A bite adds to maint_n what it changed, says in maint_end how far it got, and sets maint_stop
    when there is no more to do.
    """

    bite: sql.Composable
    settings: sql.Composable | None = None
    declare: sql.Composable | None = None
    counter: Literal["deleted_count", "updated_count"] = "deleted_count"


# The fence comes before the ledger, as heartbeat comes before ledger wherever both are locked.
# The server watches the clock: no guess of ours about the next rows can make a batch long.
_FRAME = sql.SQL("""DO {quote}
DECLARE
    maint_n bigint := 0;
    maint_k bigint;
    maint_left bigint := 0;
    maint_end text;
    maint_stop boolean := false;
    maint_tied boolean := false;
    maint_shown json;
    {declare}
BEGIN
LOOP
{bite}
EXIT WHEN maint_stop OR maint_shown IS NOT NULL
    OR clock_timestamp() >= statement_timestamp() + make_interval(secs => {budget});
END LOOP;
{fence}
{ledger}
PERFORM set_config('maint.result', json_build_array(
    maint_n, maint_left, maint_end, maint_tied, maint_shown)::text, true);
END {quote}""")

# statement_timestamp() is the arrival of the whole message, so the difference is the server's work.
_RESULT = sql.SQL("""SELECT
    current_setting('maint.result'),
    extract(epoch FROM clock_timestamp() - statement_timestamp())::float8 * 1000,
    {total}""")

# A COMMIT that waits for the disk costs a batch half as much again. A crash of the server may so
# lose the last batches, but rows and ledger together; the run's end waits, for itself and them.
_FLUSH_LATER = sql.SQL("SET LOCAL synchronous_commit = off")


def send(context: Context, step: Step, *, budget_ms: float, statement_seconds: float) -> Done:
    """Run `step` with ledger and fence in one transaction; psycopg's errors pass through."""
    lease, session = context.lease, context.session
    nothing = sql.SQL("")
    parts = {
        "declare": step.declare or nothing,
        "bite": step.bite,
        "budget": sql.Literal(budget_ms / 1000),
        "ledger": ledger.progress(lease, step.counter) if lease else nothing,
        "fence": lease.fence() if lease else nothing,
    }
    total = ledger.total(lease) if lease else sql.SQL("0::bigint")
    settings = [part for part in (step.settings, _FLUSH_LATER if lease else None) if part]
    query = _quoted(_FRAME, parts, session.connection)
    began = time.perf_counter()
    ((result, server_ms, counted),) = session.write(
        query,
        settings=sql.SQL("; ").join(settings) if settings else None,
        then=_RESULT.format(total=total),
        statement_seconds=statement_seconds,
    )
    wall_ms = (time.perf_counter() - began) * 1000
    rows, left, end, tied, shown = json.loads(result)
    return Done(rows, counted, left, end, tied, shown or [], server_ms, wall_ms)


def _quoted(frame: sql.SQL, parts: dict[str, sql.Composable], connection: object) -> sql.Composable:
    """Fill `frame`, with a dollar quote that no name or value inside can close."""
    inside = sql.Composed(parts.values()).as_string(connection)  # type: ignore[arg-type]
    tag = "$maint$"
    while tag in inside:
        tag = tag[:-1] + "_$"
    return frame.format(**parts, quote=sql.SQL(tag))  # pyright: ignore[reportArgumentType]  our own tag


_DELETE = sql.SQL("DELETE FROM ONLY {part} WHERE {which}")

_WHICH = sql.SQL("{window} AND ({predicate})")

# The rows are locked, and looked at again, before the DELETE looks at them a second time.
_WHICH_UNLOCKED = sql.SQL("""ctid = ANY (ARRAY(
    SELECT ctid FROM ONLY {part} WHERE {window} AND ({predicate}) FOR UPDATE SKIP LOCKED
)) AND ({predicate})""")

_PLAIN = sql.SQL("""{delete};
GET DIAGNOSTICS maint_k = ROW_COUNT;
maint_n := maint_n + maint_k;""")

_SHOWN = sql.SQL("""WITH gone AS ({delete} RETURNING json_build_array({columns}) AS maint_row)
SELECT count(*), (SELECT json_agg(maint_row) FROM (SELECT maint_row FROM gone LIMIT {most}) few)
INTO maint_k, maint_shown FROM gone;
maint_n := maint_n + maint_k;""")

_FIRST_EIGHT = sql.SQL("regexp_replace({}::text, '^(.{{8}}).+$', '\\1…')")

_LEFT = sql.SQL("""{body}
SELECT count(*) INTO maint_k FROM ONLY {part} WHERE {window} AND ({predicate});
maint_left := maint_left + maint_k;""")


def delete(
    part: sql.Composable,
    window: sql.Composable,
    predicate: sql.Composable,
    *,
    skip_locked: bool,
    show: Sequence[str],
    most_shown: int,
) -> sql.Composable:
    """The dangerous statement. The predicate stands in the DELETE itself.

    READ COMMITTED looks at it again on the newest version of a row that changed while we waited,
    so a heartbeat that arrives during the run saves its session. `skip_locked` leaves rows that
    others hold locked, and counts them. Of the first `most_shown` rows the columns in `show` come
    back, cut to 8 characters.
    """
    holes = {"part": part, "window": window, "predicate": predicate}
    which = (_WHICH_UNLOCKED if skip_locked else _WHICH).format(**holes)
    statement = _DELETE.format(part=part, which=which)
    if show and most_shown > 0:
        columns = sql.SQL(", ").join(_FIRST_EIGHT.format(sql.Identifier(name)) for name in show)
        body = _SHOWN.format(delete=statement, columns=columns, most=most_shown)
    else:
        body = _PLAIN.format(delete=statement)
    return _LEFT.format(body=body, **holes) if skip_locked else body
