"""One transaction of a restore: a file of the archive, its rows and then its links.

A link is what SET NULL or SET DEFAULT cut. It is mended unless the row was linked anew.
"""

from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import psycopg
from psycopg import sql

from maintcli.db import formats, search_path, sqlstate
from maintcli.db.catalog.tables import Column
from maintcli.db.connect import Connection
from maintcli.engines.archive.ledger import Marks
from maintcli.engines.archive.reader import Block
from maintcli.engines.base.retry import after_loss
from maintcli.engines.restore.insert import FAILURES, ONE, do_block, insert, one_by_one
from maintcli.engines.restore.load import Loaded, copy, delete_keyless, equal, make
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


_UPDATE = sql.SQL("UPDATE {table} AS maint_t SET {sets} FROM {temp} AS maint_r WHERE {which}")
_ONE = sql.SQL("maint_r.ctid = maint_at")

# As text: a value of any type can be compared so, and the file held text.
_WHOLE = sql.SQL("""SELECT count(*) FROM {table} AS maint_t JOIN {temp} AS maint_r ON {same}
WHERE ROW({mine})::text = ROW({theirs})::text AND NOT ({free})""")


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
    """Write the ledger; return the batches of the run, this one included."""
    progress = ledger.progress(lease, "updated_count")
    body = _COUNT.format(rows=rows, fence=lease.fence(), progress=progress)
    connection.execute(do_block(body, connection))
    ((batches,),) = connection.execute(sql.Composed([ledger.batches(lease)]))
    return int(batches)


def _has_counted(context: Context, lease: Lease, batches: int) -> bool:
    """Whether a COMMIT whose answer was lost took effect.

    It may still be running, so the fence waits for it.
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
    """Insert loaded rows, and count what became of them. Each comes with its number of rows."""
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
    """A file's loaded rows and links with their counts, and the tables to be marked."""

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
        """Remove loaded rows without a key, unless the ledger says that they have to go back."""
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


class Mended(NamedTuple):
    """Rows whose link was mended, and those where PostgreSQL refused it, by reason.

    `whole` links held their old value already.
    """

    rows: int
    refused: Counter[str]
    whole: int = 0


def mend(connection: Connection, one: Loaded, path: sql.Composable) -> Mended:
    """Put old values back into rows that are still there and still hold NULL or the default.

    `path` is the statement that sets the search path of this transaction.
    """
    if one.key in {0, len(one.columns)}:  # no way to tell which row it was, or what it held
        return Mended(0, Counter())
    free = sql.SQL(" AND ").join(_all_free(one, _defaults(connection, one, path)))
    found = connection.execute(_whole(one, free)).fetchone()
    whole = int(found[0]) if found else 0
    try:
        with connection.transaction():
            return Mended(connection.execute(_update(one, free)).rowcount, Counter(), whole)
    except FAILURES:
        (done,), refused = one_by_one(connection, [one], [_update(one, free, ONE)])
        return Mended(done, Counter(reason for _, reason in refused if reason), whole)


def _defaults(connection: Connection, one: Loaded, path: sql.Composable) -> dict[str, str | None]:
    """The values, as text, that ON DELETE SET DEFAULT gives to columns now.

    The catalog wrote the expressions with the path pinned, so with that alone they mean the same.
    Where they cannot be computed so, none counts, and a link that holds a default stays.
    """
    changed = one.table.chosen(one.columns[one.key :])
    wanted = {column.name: text for column in changed if (text := column.default)}
    if not wanted:
        return {}
    values = sql.SQL(", ").join(
        sql.SQL("({})::text").format(sql.SQL(text))  # pyright: ignore[reportArgumentType]  from the catalog
        for text in wanted.values()
    )
    message = [search_path.PINNED, sql.SQL("SELECT {}").format(values), path]
    try:
        with connection.transaction():
            ((*found,),) = search_path.last_rows(connection.execute(sql.SQL("; ").join(message)))
    except psycopg.Error:  # a function of the user's may need the user's path
        return {}
    return dict(zip(wanted, found, strict=True))


def _whole(one: Loaded, free: sql.Composable) -> sql.Composed:
    key, changed = one.columns[: one.key], one.columns[one.key :]
    mine, theirs = (
        sql.SQL(", ").join(sql.Identifier(name, column) for column in changed)
        for name in ("maint_t", "maint_r")
    )
    return _WHOLE.format(
        table=one.table.own,
        temp=one.temp,
        same=_same(one, key),
        mine=mine,
        theirs=theirs,
        free=free,
    )


def _same(one: Loaded, key: Sequence[str]) -> sql.Composable:
    columns = one.table.chosen(key)
    return equal("maint_t", columns, "maint_r", columns)


def _all_free(one: Loaded, defaults: Mapping[str, str | None]) -> list[sql.Composable]:
    changed = one.table.chosen(one.columns[one.key :])
    return [_free(column, defaults.get(column.name)) for column in changed]


def _update(one: Loaded, free: sql.Composable, also: sql.Composable | None = None) -> sql.Composed:
    key, changed = one.columns[: one.key], one.columns[one.key :]
    sets = [sql.SQL("{0} = maint_r.{0}").format(sql.Identifier(c)) for c in changed]
    which = [_same(one, key), free]
    return _UPDATE.format(
        table=one.table.own,
        sets=sql.SQL(", ").join(sets),
        temp=one.temp,
        which=sql.SQL(" AND ").join([*which, *([also] if also else [])]),
    )


def _free(column: Column, default: str | None) -> sql.Composable:
    value = column.value(sql.Identifier("maint_t"))
    if default is None:
        return sql.SQL("{} IS NULL").format(value)
    return sql.SQL("({0} IS NULL OR coalesce({0} {equal} {default}::{type}, false))").format(
        value,
        equal=column.operator("="),
        default=default,
        type=sql.SQL(column.type),  # pyright: ignore[reportArgumentType]  from the catalog
    )
