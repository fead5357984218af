"""Rows without a key: looked for by comparing whole rows, copy by copy.

Without the ledger as many copies go back as are missing. Only a keyed row can be referred to, so
these are nobody's parents and may come last. With it those that went back earlier are looked for
alone: one that is not found may have been changed since, and would be there twice.
"""

import zlib
from collections.abc import Iterable, Iterator

from psycopg import sql

from maintcli.db.connect import Connection
from maintcli.engines.archive import copytext
from maintcli.engines.archive.reading import Block
from maintcli.engines.restore.load import Loaded, copy, make
from maintcli.engines.restore.table import Table

_TAKE_AWAY = sql.SQL("DELETE FROM {temp} WHERE {which}")

_COPIES = sql.SQL("""
WITH maint_a AS (
    SELECT ctid AS maint_at, row_number() OVER (PARTITION BY maint_row) AS maint_n, maint_row
    FROM (SELECT ctid, {row} AS maint_row FROM {temp}) AS maint_x
), maint_b AS (
    SELECT {row} AS maint_row, count(*) AS maint_n FROM {table} GROUP BY 1
)
DELETE FROM {temp} AS maint_r USING maint_a JOIN maint_b USING (maint_row)
WHERE maint_r.ctid = maint_a.maint_at AND maint_a.maint_n <= maint_b.maint_n""")


def without_loose(connection: Connection, one: Loaded) -> int:
    """Take away the rows that no key tells from others; how many they are."""
    which = sql.SQL("NOT coalesce({}, false)").format(one.keyed)
    return connection.execute(_TAKE_AWAY.format(temp=one.temp, which=which)).rowcount


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
    keyed = connection.execute(_TAKE_AWAY.format(temp=one.temp, which=one.keyed)).rowcount
    row = sql.SQL("ROW({})::text").format(one.listed)
    copies = _COPIES.format(temp=one.temp, table=table.own, row=row)
    existing = connection.execute(copies).rowcount
    return one, count - keyed - existing, existing


class _Share:
    """The lines that are a part's; `rows` is how many were read."""

    def __init__(self, pieces: Iterable[bytes], number: int, parts: int) -> None:
        self._pieces, self._number, self._parts = pieces, number, parts
        self.rows = 0

    def __iter__(self) -> Iterator[bytes]:
        for line in copytext.lines(self._pieces):
            if zlib.crc32(line) % self._parts == self._number:
                self.rows += 1
                yield line
