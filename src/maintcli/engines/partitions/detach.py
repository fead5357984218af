"""The statements that detach and drop a partition, safe to kill at any instant.

First the mark, under the fence: a comment that the partition carries until it is dropped. Then the
detaching, which PostgreSQL allows only outside of transactions. Then, in one transaction: lock,
count, look for fresh rows, drop, fence and ledger. Killed before the last, a run leaves a table of
its own that the next run knows by the mark, and drops. A comment that was there before stands
behind the mark, and comes back.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Literal, LiteralString, NamedTuple

import psycopg
from psycopg import sql

from maintcli.engines.base.batch import Done, Step
from maintcli.engines.base.retry import Patience, retryable, send, still_locked
from maintcli.engines.base.target import Target
from maintcli.runtime.context import Context

PATIENCE_SECONDS = 30.0
_STATEMENT_SECONDS = 300.0  # counting a large partition takes long

State = Literal["attached", "pending", "detached", "gone"]

_STATE = """
SELECT CASE WHEN c.oid IS NULL THEN 'gone' WHEN i.inhrelid IS NULL THEN 'detached'
            WHEN i.inhdetachpending THEN 'pending' ELSE 'attached' END
FROM (SELECT %s::oid) AS asked (oid)
LEFT JOIN pg_catalog.pg_class c ON c.oid = asked.oid
LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid
"""

# The last: another session began to detach another partition of the table.
_HELD_UP = (
    psycopg.errors.QueryCanceled,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.ObjectNotInPrerequisiteState,
)

_ONCE = sql.SQL("{statement};\nmaint_stop := true;")

# A lock that blocks neither readers nor writers; an autovacuum gives way to it after a second.
_LONGER = sql.SQL("SET LOCAL lock_timeout = 3000")

_DETACH = sql.SQL("ALTER TABLE {table} DETACH PARTITION {partition}")
_CONCURRENTLY, _FINALIZE = sql.SQL(" CONCURRENTLY"), sql.SQL(" FINALIZE")

# A partition that was attached or renamed since is left alone. A fresh row should be impossible,
# and would be lost for good, so it is looked for.
_DROP = sql.SQL("""
IF to_regclass({name})::oid = {oid}
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhrelid = {oid}) THEN
    LOCK TABLE {partition} IN ACCESS EXCLUSIVE MODE;
    SELECT count(*), count(*) FILTER (WHERE ({predicate}) IS NOT TRUE)
        INTO maint_n, maint_left FROM {partition};
    IF maint_left = 0 THEN
        DROP TABLE {partition};
    ELSE
        maint_n := 0;
    END IF;
END IF;
maint_stop := true;""")

_MARKED: LiteralString = """
SELECT c.oid, n.nspname::text, c.relname::text, d.description, i.inhparent IS NOT NULL,
       coalesce(i.inhdetachpending, false)
FROM pg_catalog.pg_description d
JOIN pg_catalog.pg_class c ON c.oid = d.objoid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid
WHERE d.classoid = 'pg_catalog.pg_class'::regclass AND d.objsubid = 0
  AND starts_with(d.description, %s) AND pg_has_role(c.relowner, 'USAGE')
ORDER BY n.nspname, c.relname
"""


class Marked(NamedTuple):
    """A table with our mark; `attached` (with `pending`: no longer wholly) or standing alone."""

    oid: int
    schema: str
    table: str
    comment: str
    attached: bool
    pending: bool

    @property
    def quoted(self) -> sql.Composable:
        """The table's name, quoted for a statement."""
        return sql.Identifier(self.schema, self.table)

    @property
    def is_to_be_dropped(self) -> bool:
        """Whether it was detached to be dropped, and not to be kept."""
        return self.comment.partition(" to ")[2].startswith("drop")

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"


def mark(context: Context, target: Target, comment: str | None, *, keep: bool) -> str:
    """The comment for a partition that is about to be detached, with its own behind it."""
    run = context.lease.run_id if context.lease else "without a ledger"
    why = f"{'keep' if keep else 'drop'} it ({target.table}, run {run})"
    return "\n".join([_prefix(target) + why, *([comment] if comment else [])])


def former(comment: str) -> str | None:
    """The comment that was there before the mark."""
    return comment.partition("\n")[2] or None


def marked(context: Context, target: Target) -> list[Marked]:
    """The tables that runs before this one marked as partitions of `target`."""
    return [Marked(*row) for row in context.session.read(_MARKED, [_prefix(target)])]


def _comment_on(table: sql.Composable, comment: str | None) -> sql.Composable:
    """The statement that sets a table's comment."""
    return sql.SQL("COMMENT ON TABLE {} IS {}").format(table, sql.Literal(comment))


def _prefix(target: Target) -> str:
    # The number is the table's here and nowhere else: a copy of the database is not acted on.
    return f"maint detaches this partition of table {target.table.oid} to "


@dataclass(frozen=True, slots=True)
class Piece:
    """A partition, attached or not, with what it is called and its comment."""

    oid: int
    quoted: sql.Composable
    comment: str | None

    def __str__(self) -> str:
        return self.quoted.as_string().replace('"', "")


@dataclass(slots=True)
class Detacher:
    """The statements that detach and drop partitions of `target`, each tried until it takes effect.

    All raise StillLocked when others use a partition for longer than patience lasts.
    """

    context: Context
    target: Target
    note: Callable[[Done], None]
    patience: Patience = field(init=False)

    def __post_init__(self) -> None:
        self.patience = Patience(self.context, PATIENCE_SECONDS)

    def state(self, oid: int) -> State:
        """How far a partition is detached."""
        found: State
        ((found,),) = self.context.session.read(_STATE, [oid])
        return found

    def comment(self, piece: Piece, comment: str | None) -> None:
        """Set a comment; the fence in the same transaction checks the lease."""
        self._send(_comment_on(piece.quoted, comment), _LONGER)

    def detach_plainly(self, piece: Piece, comment: str) -> None:
        """Mark and detach in one transaction, which locks the whole table for a moment."""
        detach = _DETACH.format(table=self.target.table.quoted, partition=piece.quoted)
        self._send(_comment_on(piece.quoted, comment) + sql.SQL(";\n") + detach)

    def detach_concurrently(self, piece: Piece) -> None:
        """Detach without blocking other sessions, continuing what an earlier try began."""
        detach = _DETACH.format(table=self.target.table.quoted, partition=piece.quoted)
        seconds = min(PATIENCE_SECONDS, self.context.deadline.seconds / 4)
        while (state := self.state(piece.oid)) in ("attached", "pending"):
            how = _CONCURRENTLY if state == "attached" else _FINALIZE
            try:
                self.context.session.alone(detach + how, seconds=seconds)
            except _HELD_UP:
                raise still_locked(self.context, seconds) from None
            except psycopg.Error as error:
                self._react(error)
        self.patience.ended()

    def drop(self, piece: Piece) -> int:
        """Drop a detached partition, its rows counted in the same transaction; return fresh ones.

        Where one row of it is not stale, it is not dropped.
        """
        drop = _DROP.format(
            name=piece.quoted.as_string(),
            oid=piece.oid,
            partition=piece.quoted,
            predicate=self.target.predicate,
        )
        return self._repeat(Step(drop)).left

    def _send(self, statement: sql.Composable, settings: sql.Composable | None = None) -> None:
        self._repeat(Step(_ONCE.format(statement=statement), settings))

    def _repeat(self, step: Step) -> Done:
        while True:
            try:
                done = send(self.context, step, budget_ms=0, statement_seconds=_STATEMENT_SECONDS)
            except psycopg.Error as error:
                self._react(error)
                continue
            self.patience.ended()
            self.note(done._replace(left=0))  # nothing of it is locked
            return done

    def _react(self, error: psycopg.Error) -> None:
        """Wait before the next try, or raise what ends them."""
        retryable(self.context, error)
        self.patience.wait()


# An autovacuum that blocks others cancels itself.
_USERS = sql.SQL("""
SELECT DISTINCT virtualtransaction FROM pg_catalog.pg_locks
WHERE locktype = 'relation' AND granted AND pid IS DISTINCT FROM pg_backend_pid()
  AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
  AND relation = ANY ({oids}::oid[]) AND mode <> 'ShareUpdateExclusiveLock'
""")


def wait_for_readers(context: Context, patience: Patience, oids: Collection[int]) -> None:
    """Wait until all transactions that use one of `oids` now have ended; those to come may stay.

    Raises StillLocked when patience ends.
    """
    query = _USERS.format(oids=list(oids))
    waited_for = set(context.session.read_composed(query))
    while waited_for:
        patience.wait()
        waited_for &= set(context.session.read_composed(query))
    patience.ended()
