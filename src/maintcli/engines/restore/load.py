"""Archived rows in temporary tables, where SQL can compare them with what is there.

Rows without a key are compared whole, copy by copy. Without the ledger as many copies go back as
are missing. Only a keyed row can be referred to, so these are parents of no row and may come last.
With it only those that went back earlier are looked for: one that is not found may have been
changed since, and would be there twice.
"""

import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from psycopg import sql

from maintcli.db import formats
from maintcli.db.catalog.tables import Column
from maintcli.db.connect import Connection
from maintcli.engines.archive.reader import Block, lines
from maintcli.engines.restore.tables import Key, Table

_MAKE = sql.SQL("""CREATE TEMP TABLE {temp} ON COMMIT DROP AS
SELECT {columns} FROM {table} WITH NO DATA""")

_COPY = sql.SQL("COPY {temp} {columns} FROM STDIN")
_DELETE = sql.SQL("DELETE FROM {temp} WHERE {which}")
_COPIES = sql.SQL("""
WITH maint_a AS (
    SELECT ctid AS maint_at, row_number() OVER (PARTITION BY maint_row) AS maint_n, maint_row
    FROM (SELECT ctid, {row} AS maint_row FROM {temp}) AS maint_x
), maint_b AS (
    SELECT {row} AS maint_row, count(*) AS maint_n FROM {table} GROUP BY 1
)
DELETE FROM {temp} AS maint_r USING maint_a JOIN maint_b USING (maint_row)
WHERE maint_r.ctid = maint_a.maint_at AND maint_a.maint_n <= maint_b.maint_n""")


class Loaded(NamedTuple):
    """A temporary table `temp` with archived rows of `table`; `key` columns find a link's row."""

    temp: sql.Identifier
    table: Table
    columns: tuple[str, ...]
    key: int = 0

    @property
    def listed(self) -> sql.Composable:
        """The columns, for a SELECT."""
        return names(self.columns)

    @property
    def keyed(self) -> sql.Composable:
        """Whether a row can be found by a unique key, as a condition on it."""
        keys = [_complete(key) for key in self.table.usable_keys(self.columns)]
        return sql.SQL("({})").format(sql.SQL(" OR ").join(keys)) if keys else sql.SQL("false")


def names(columns: Iterable[str]) -> sql.Composable:
    """Columns, quoted and separated by commas."""
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def equal(
    left: str, mine: Iterable[Column], right: str, theirs: Iterable[Column]
) -> sql.Composable:
    """`left.a = right.x AND left.b = right.y`, by the operators of the types."""
    return sql.SQL(" AND ").join(
        sql.SQL("{} {} {}").format(_of(left, a), a.operator("="), _of(right, b))
        for a, b in zip(mine, theirs, strict=True)
    )


def _of(row: str, column: Column) -> sql.Composable:
    return column.value(sql.Identifier(row))


def make(connection: Connection, number: int, table: Table, block: Block) -> Loaded:
    """An empty temporary table for the rows of `block`, with the types of today's table."""
    temp = sql.Identifier("pg_temp", f"maint_{number}")
    loaded = Loaded(temp, table, block.columns, block.key)
    make = _MAKE.format(temp=temp, columns=loaded.listed, table=table.quoted)
    connection.execute(make)
    return loaded


def copy(connection: Connection, loaded: Loaded, pieces: Iterable[bytes]) -> None:
    """Send rows as the file has them."""
    columns = sql.SQL("({})").format(loaded.listed) if loaded.columns else sql.SQL("")
    statement = _COPY.format(temp=loaded.temp, columns=columns)
    with formats.as_bytes(connection), connection.cursor() as cursor, cursor.copy(statement) as to:
        for piece in pieces:
            to.write(piece)


def _complete(key: Key, *row: str) -> sql.Composable:
    if key.nulls_match:
        return sql.SQL("true")
    filled = [sql.SQL("{} IS NOT NULL").format(sql.Identifier(*row, c)) for c in key.columns]
    return sql.SQL("({})").format(sql.SQL(" AND ").join(filled))


def there(loaded: Loaded, row: str, other: str) -> sql.Composable:
    """Whether the table has the row called `row`, by its identity, as a condition.

    Where several keys make that up, one row has to have all of them that are without NULL.
    """
    keys = loaded.table.identity(loaded.columns)
    found: list[sql.Composable] = []
    for key in keys:  # each in turn leads the search, so that an index serves it
        others = [
            sql.SQL("(NOT {} OR ({}))").format(_complete(k, row), _match(loaded, k, row, other))
            for k in keys
            if k != key
        ]
        match = sql.SQL(" AND ").join([_match(loaded, key, row, other), *others])
        found.append(_exists(loaded, other, match))
    return sql.SQL("({})").format(sql.SQL(" OR ").join(found)) if found else sql.SQL("false")


def taken(loaded: Loaded, key: Key, row: str, other: str) -> sql.Composable:
    """Whether the table has a row with this key of the row called `row`, as a condition."""
    return _exists(loaded, other, _match(loaded, key, row, other))


def alike(loaded: Loaded, row: str, other: str) -> sql.Composable:
    """Whether the table has a row with every value of the row called `row`, as a condition."""
    match = sql.SQL("{} = {}").format(text(other, loaded.columns), text(row, loaded.columns))
    return _exists(loaded, other, match)


def text(row: str, columns: Iterable[str]) -> sql.Composable:
    """Every value of the row called `row` as one text: not every type has an equality."""
    listed = sql.SQL(", ").join(sql.Identifier(row, column) for column in columns)
    return sql.SQL("ROW({})::text").format(listed)


def _exists(loaded: Loaded, other: str, match: sql.Composable) -> sql.Composable:
    return sql.SQL("EXISTS (SELECT FROM {table} AS {other} WHERE {match})").format(
        table=loaded.table.own, other=sql.Identifier(other), match=match
    )


def _match(loaded: Loaded, key: Key, row: str, other: str) -> sql.Composable:
    """Whether two rows have the same key; with NULLS NOT DISTINCT two NULLs are equal."""
    matches: list[sql.Composable] = []
    for column in loaded.table.chosen(key.columns):
        match = equal(row, [column], other, [column])
        if key.nulls_match:
            both = sql.SQL("({} OR {} IS NULL AND {} IS NULL)")
            match = both.format(match, _of(row, column), _of(other, column))
        matches.append(match)
    return sql.SQL(" AND ").join(matches)


def delete_keyless(connection: Connection, one: Loaded) -> int:
    """Delete the loaded rows that have no key; return how many."""
    which = sql.SQL("NOT coalesce({}, false)").format(one.keyed)
    return connection.execute(_DELETE.format(temp=one.temp, which=which)).rowcount


def load_missing(
    connection: Connection, table: Table, blocks: Iterable[Block], share: tuple[int, int]
) -> tuple[Loaded | None, int, int]:
    """Load a part of the rows: those without a key that are missing.

    `share` is which part of how many; all copies of a row are in the same. Returns what is loaded,
    how many rows of it are missing, and how many are there already.
    """
    one, count = None, 0
    for block in blocks:
        one = one or make(connection, 0, table, block)
        shared = _Share(block.pieces, *share)
        copy(connection, one, shared)
        count += shared.rows
    if one is None:
        return None, 0, 0
    keyed = connection.execute(_DELETE.format(temp=one.temp, which=one.keyed)).rowcount
    row = sql.SQL("ROW({})::text").format(one.listed)
    copies = _COPIES.format(temp=one.temp, table=table.own, row=row)
    existing = connection.execute(copies).rowcount
    return one, count - keyed - existing, existing


class _Share:
    """The lines that belong to one part; `rows` is how many were read."""

    def __init__(self, pieces: Iterable[bytes], number: int, parts: int) -> None:
        self._pieces, self._number, self._parts = pieces, number, parts
        self.rows = 0

    def __iter__(self) -> Iterator[bytes]:
        for line in lines(self._pieces):
            if zlib.crc32(line) % self._parts == self._number:
                self.rows += 1
                yield line
