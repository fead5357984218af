"""One transaction of a restore: a file of the archive, its rows and then its links."""

from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import psycopg
from psycopg import sql

from maintcli.db import formats
from maintcli.db.connect import Connection
from maintcli.engines.archive.ledger import Marks
from maintcli.engines.archive.reader import Block
from maintcli.engines.restore.insert import FAILURES, ONE, do_block, insert, one_by_one
from maintcli.engines.restore.load import Loaded, copy, delete_keyless, equal, make
from maintcli.engines.restore.report import Counters
from maintcli.engines.restore.tables import Archived, Tables
from maintcli.runtime import ledger
from maintcli.runtime.context import Context
from maintcli.runtime.session import WRITE

# Constraints that wait for COMMIT are checked with each statement, where a violation can still be
# told apart and undone.
_AT_ONCE = sql.SQL("SET CONSTRAINTS ALL IMMEDIATE")

_COUNT = sql.SQL("""DECLARE maint_n bigint := {rows};
BEGIN
{fence}
{progress}
END""")

_UPDATE = sql.SQL("UPDATE {table} AS maint_t SET {sets} FROM {temp} AS maint_r WHERE {which}")

# As text: a value of any type can be compared so, and the file held text.
_WHOLE = sql.SQL("""SELECT count(*) FROM {table} AS maint_t JOIN {temp} AS maint_r ON {same}
WHERE ROW({mine})::text = ROW({theirs})::text AND NOT ({free})""")


class Progress:
    """What a transaction has done so far, for the ledger."""

    rows = 0


@contextmanager
def transaction(context: Context) -> Generator[tuple[Connection, Progress]]:
    """Commit what the block does, with the fence and the ledger; or nothing of it."""
    session = context.session
    session.stop.check()
    connection, progress = session.connection, Progress()
    opening = [WRITE, *session.limits(), formats.WITHOUT_LOSS, _AT_ONCE]
    try:
        connection.execute(sql.SQL("; ").join(opening))
        yield connection, progress
        _count(context, connection, progress.rows)
        connection.execute("COMMIT")
    except BaseException:
        with suppress(psycopg.Error):
            connection.rollback()
        session.stop.check()  # a cancelled query is how a stop arrives here
        raise


def _count(context: Context, connection: Connection, rows: int) -> None:
    lease = context.lease
    if lease is None:
        return
    progress = ledger.progress(lease, "updated_count")
    body = _COUNT.format(rows=rows, fence=lease.fence(), progress=progress)
    connection.execute(do_block(body, connection))


def whole_file(
    context: Context,
    tables: Tables,
    blocks: Iterable[Block],
    marks: Marks | None,
    earlier: frozenset[str],
) -> tuple[Counters, Counter[Archived]]:
    """Put back a file's rows and links.

    The ledger marks a file whose rows without a key have gone back; `earlier` are the tables that
    were marked before this run. Without the ledger they are left for later, and counted by table.
    """
    with transaction(context) as (connection, progress):
        batch = _Batch(connection, tables, marks, earlier)
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
    tables: Tables
    marks: Marks | None
    earlier: frozenset[str]
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
        if self.marks and block.name not in self.earlier:  # this run's, whose COMMIT seemed lost
            self.counters.restored[one.table.name] += taken
        elif taken and not self.marks:
            self.left[block.schema, block.table] += taken
        return taken

    def mend(self, one: Loaded, count: int) -> None:
        mended = mend(self.connection, one)
        self.counters.mended += mended.rows
        self.counters.refuse(one.table.name, mended.refused)
        self.counters.unmended += count - mended.rows - mended.refused.total() - mended.whole


class Mended(NamedTuple):
    """Rows whose link was mended, and those where PostgreSQL refused it, by reason.

    `whole` links held their old value already.
    """

    rows: int
    refused: Counter[str]
    whole: int = 0


def mend(connection: Connection, one: Loaded) -> Mended:
    """Put back what SET NULL and SET DEFAULT cut, where the row still holds NULL or the default."""
    if one.key in {0, len(one.columns)}:  # no way to tell which row it was, or what it held
        return Mended(0, Counter())
    found = connection.execute(_whole(one)).fetchone()
    whole = int(found[0]) if found else 0
    try:
        with connection.transaction():
            return Mended(connection.execute(_update(one)).rowcount, Counter(), whole)
    except FAILURES:
        (done,), refused = one_by_one(connection, [one], [_update(one, ONE)])
        return Mended(done, Counter(reason for _, reason in refused if reason), whole)


def _whole(one: Loaded) -> sql.Composed:
    key, changed = one.columns[: one.key], one.columns[one.key :]
    mine, theirs = (
        sql.SQL(", ").join(sql.Identifier(name, column) for column in changed)
        for name in ("maint_t", "maint_r")
    )
    return _WHOLE.format(
        table=one.table.own,
        temp=one.temp,
        same=equal("maint_t", key, "maint_r", key),
        mine=mine,
        theirs=theirs,
        free=sql.SQL(" AND ").join(_all_free(one)),
    )


def _all_free(one: Loaded) -> list[sql.Composable]:
    defaults = {column.name: column.default for column in one.table.shape.columns}
    return [_free(column, defaults[column]) for column in one.columns[one.key :]]


def _update(one: Loaded, also: sql.Composable | None = None) -> sql.Composed:
    key, changed = one.columns[: one.key], one.columns[one.key :]
    sets = [sql.SQL("{0} = maint_r.{0}").format(sql.Identifier(c)) for c in changed]
    which = [equal("maint_t", key, "maint_r", key), *_all_free(one)]
    return _UPDATE.format(
        table=one.table.own,
        sets=sql.SQL(", ").join(sets),
        temp=one.temp,
        which=sql.SQL(" AND ").join([*which, *([also] if also else [])]),
    )


def _free(column: str, default: str | None) -> sql.Composable:
    name = sql.Identifier("maint_t", column)
    if default is None:
        return sql.SQL("{} IS NULL").format(name)
    expression = sql.SQL(default)  # pyright: ignore[reportArgumentType]  from the catalog
    return sql.SQL("({0} IS NULL OR {0} IS NOT DISTINCT FROM ({1}))").format(name, expression)
