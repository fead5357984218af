"""Archived rows in temporary tables, where SQL can compare them with what is there."""

from collections.abc import Iterable
from typing import NamedTuple

from psycopg import sql

from maintcli.db import formats
from maintcli.db.connect import Connection
from maintcli.db.tables import Column
from maintcli.work.archive.reading import Block
from maintcli.work.restore.table import Key, Table

_MAKE = sql.SQL("""CREATE TEMP TABLE {temp} ON COMMIT DROP AS
SELECT {columns} FROM {table} WITH NO DATA""")
_COPY = sql.SQL("COPY {temp} {columns} FROM STDIN")


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
    """Send rows as they stand in the file."""
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
    """Whether two rows have the same key; where NULLs match, a missing value is one, too."""
    matches: list[sql.Composable] = []
    for column in loaded.table.chosen(key.columns):
        match = equal(row, [column], other, [column])
        if key.nulls_match:
            both = sql.SQL("({} OR {} IS NULL AND {} IS NULL)")
            match = both.format(match, _of(row, column), _of(other, column))
        matches.append(match)
    return sql.SQL(" AND ").join(matches)
