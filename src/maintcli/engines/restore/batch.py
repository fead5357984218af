"""One transaction of a restore: a file of the archive, its rows and then its links."""

from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from maintcli.db import formats, sqlstate
from maintcli.db.connect import Connection
from maintcli.engines.archive.ledger import Marks
from maintcli.engines.archive.reader import Block
from maintcli.engines.base.retry import after_loss
from maintcli.engines.restore.insert import do_block, insert
from maintcli.engines.restore.links import mend
from maintcli.engines.restore.load import Loaded, copy, delete_keyless, make
from maintcli.engines.restore.report import Counters
from maintcli.engines.restore.tables import Archived, Tables
from maintcli.runtime import ledger
from maintcli.runtime.context import Context
from maintcli.runtime.lease import Lease
from maintcli.runtime.session import WRITE, Session

# Constraints that wait for COMMIT are checked with each statement, where a violation can still be
# told apart and undone.
_AT_ONCE = sql.SQL("SET CONSTRAINTS ALL IMMEDIATE")

_COUNT = sql.SQL("""DECLARE maint_n bigint := {rows};
BEGIN
{fence}
{progress}
END""")

_FENCED = sql.SQL("""BEGIN
{fence}
END""")


class Progress:
    """What a transaction has done so far, for the ledger."""

    rows = 0


@contextmanager
def transaction(context: Context) -> Generator[tuple[Connection, Progress]]:
    """Commit what the block does, with the fence and the ledger; or nothing of it.

    After a lost connection the ledger says whether the COMMIT took effect; where it did not,
    TransactionRollback is raised.
    """
    session = context.session
    session.stop.check()
    connection, progress = session.connection, Progress()
    opening = [WRITE, *session.limits(), formats.WITHOUT_LOSS, _AT_ONCE]
    lease, batches = context.lease, 0
    try:
        connection.execute(sql.SQL("; ").join(opening))
        yield connection, progress
        if lease:
            batches = _count(lease, connection, progress.rows)
    except BaseException:
        _end(session, connection)
        raise
    try:
        connection.execute("COMMIT")
    except psycopg.Error as error:
        _end(session, connection)
        if not (lease and sqlstate.is_lost(error, session.connection_or_none)):
            raise
        after_loss(context, error)
        if not _has_counted(context, lease, batches):
            raise psycopg.errors.TransactionRollback(sqlstate.said(error)) from None


def _end(session: Session, connection: Connection) -> None:
    session.clean_up(connection)
    session.stop.check()  # a cancelled query is how a stop arrives here


def _count(lease: Lease, connection: Connection, rows: int) -> int:
    """Write the ledger; the batches of the run with this one."""
    progress = ledger.progress(lease, "updated_count")
    body = _COUNT.format(rows=rows, fence=lease.fence(), progress=progress)
    connection.execute(do_block(body, connection))
    ((batches,),) = connection.execute(sql.Composed([ledger.batches(lease)]))
    return int(batches)


def _has_counted(context: Context, lease: Lease, batches: int) -> bool:
    """Whether a COMMIT that nobody heard of took effect: it may still be about to, so the fence
    waits for it.
    """
    session = context.session
    while True:
        fence = do_block(_FENCED.format(fence=lease.fence()), session.connection)
        try:
            ((found,),) = session.write(ledger.batches(lease), settings=fence, ours=True)
        except psycopg.Error as error:
            if error.sqlstate == sqlstate.LOCK_NOT_AVAILABLE:
                continue
            if not sqlstate.is_lost(error, session.connection_or_none):
                raise
            after_loss(context, error)
            continue
        return int(found) >= batches


def whole_file(
    context: Context,
    tables: Tables,
    blocks: Iterable[Block],
    marks: Marks | None,
) -> tuple[Counters, Counter[Archived]]:
    """Put back a file's rows and links.

    The ledger marks a file whose rows without a key have gone back. Without the ledger they are
    left for later, and counted by table.
    """
    with transaction(context) as (connection, progress):
        batch = _Batch(connection, context.session.path, tables, marks)
        batch.marked = marks.read(connection) if marks else frozenset()
        for block in blocks:
            batch.load(block)
        insert_into(batch.counters, connection, batch.rows)
        for one, count in batch.links:
            batch.mend(one, count)
        if marks and batch.to_mark:
            marks.write(connection, batch.to_mark)
        progress.rows = batch.counters.restored.total() + batch.counters.mended
    return batch.counters, batch.left


def insert_into(
    counters: Counters, connection: Connection, rows: Sequence[tuple[Loaded, int]]
) -> None:
    """Insert loaded rows, so many of each table, and count what became of them."""
    outcome = insert(connection, [one for one, _ in rows])
    for number, (one, count) in enumerate(rows):
        refused = outcome.refused[number]
        counters.existing += outcome.existing[number]
        counters.restored[one.table.name] += outcome.inserted[number]
        rest = count - outcome.existing[number] - outcome.inserted[number] - refused.total()
        refused["a trigger or a rule kept it out"] += max(0, rest)
        counters.refuse(one.table.name, +refused)


@dataclass(slots=True)
class _Batch:
    """What is loaded, with counts; what is to be marked; what is left for later."""

    connection: Connection
    path: sql.Composable
    tables: Tables
    marks: Marks | None
    marked: frozenset[str] = frozenset()
    counters: Counters = field(default_factory=lambda: Counters(files=1))
    rows: list[tuple[Loaded, int]] = field(default_factory=list[tuple[Loaded, int]])
    links: list[tuple[Loaded, int]] = field(default_factory=list[tuple[Loaded, int]])
    to_mark: set[str] = field(default_factory=set[str])
    left: Counter[Archived] = field(default_factory=Counter[Archived])

    def load(self, block: Block) -> None:
        table = self.tables[block.schema, block.table]
        one = make(self.connection, len(self.rows) + len(self.links), table, block)
        copy(self.connection, one, block.pieces)
        if block.kind == "links":
            self.links.append((one, block.size))
        else:
            self.rows.append((one, block.size - self._set_aside(one, block)))

    def _set_aside(self, one: Loaded, block: Block) -> int:
        """Take away the rows without a key, unless it is known that they have to go back."""
        if one.table.has_certain_key(one.columns):
            return 0
        if self.marks and block.name not in self.marked:
            self.to_mark.add(block.name)
            return 0
        taken = delete_keyless(self.connection, one)
        if taken and not self.marks:
            self.left[block.schema, block.table] += taken
        return taken

    def mend(self, one: Loaded, count: int) -> None:
        mended = mend(self.connection, one, self.path)
        self.counters.mended += mended.rows
        self.counters.refuse(one.table.name, mended.refused)
        self.counters.unmended += count - mended.rows - mended.refused.total() - mended.whole
