"""What a restore would do: rows looked up in READ ONLY transactions."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from psycopg import sql
from psycopg.abc import AdaptContext

from maintcli.db import formats
from maintcli.engines.archive.reader import Block, Row, decode
from maintcli.engines.restore import load, report
from maintcli.engines.restore.report import Counters, Restored
from maintcli.engines.restore.source import Inventory, Source
from maintcli.engines.restore.tables import Key, Tables
from maintcli.runtime.context import Context
from maintcli.services.stored import damaged
from maintcli.words import many

_ROWS_A_QUERY = 10_000
_BYTES_A_QUERY = 8_000_000

_ROWS = sql.SQL("(SELECT {values} FROM ROWS FROM ({arrays}) AS maint_u({columns})) AS maint_r")
_KNOWN = sql.SQL("SELECT count(*) FROM {rows} WHERE {there}")

# Of equal rows as many are there as the table has, at the most.
_COPIES = sql.SQL("""
WITH maint_a AS (SELECT {mine} AS maint_row, count(*) AS maint_n FROM {rows} GROUP BY 1),
maint_b AS (
    SELECT {theirs} AS maint_row, count(*) AS maint_n FROM {table} AS maint_t
    WHERE {theirs} IN (SELECT maint_row FROM maint_a) GROUP BY 1
)
SELECT coalesce(sum(least(maint_a.maint_n, maint_b.maint_n)), 0)
FROM maint_a JOIN maint_b USING (maint_row)""")


def preview(
    context: Context,
    source: Source,
    held: Inventory,
    tables: Tables,
    wanted: Callable[[Block], bool],
) -> Restored:
    """Count what would go back, and what is there already.

    Whether a row's parent is still there is not looked at, nor whether links are still cut.
    """
    counters = Counters()
    marked = source.marked(context)
    for kept in held.files:
        back = marked.get(kept.file)
        for block in filter(wanted, source.blocks(kept)):
            if block.kind == "links":
                counters.mended += block.size
                continue
            table = tables[block.schema, block.table]
            loaded = load.Loaded(sql.Identifier("maint_r"), table, block.columns)
            marked_back = None if back is None else block.name in back
            look = _Look(context, loaded, table.usable_keys(block.columns), marked_back)
            for some in _batches(_rows(kept.file, block, look.places)):
                (known, missing), taken = look.known(some), look.taken(some)
                counters.existing += known
                counters.missing[table.name] += missing
                counters.refuse(table.name, taken)
                counters.restored[table.name] += len(some) - known - missing - taken.total()
        counters.files += 1
    for name, count in counters.restored.items():
        unseen = sorted({key for t in tables.values() if t.name == name for key in t.more_keys})
        if unseen and count:
            context.log.warn(
                f"would restore up to {many(count)} of {name}: a dry run does not look at"
                f" {', '.join(unseen)}"
            )
        else:
            context.log.info(f"would restore {many(count)} of {name}")
    report.refused(context, counters)
    report.missing(context, source, counters)
    return counters.result


class _Look(NamedTuple):
    """Looks for rows of one block.

    `marked`: rows without a key went back in an earlier restore; None without the ledger.
    """

    context: Context
    loaded: load.Loaded
    keys: Sequence[Key]
    marked: bool | None

    def known(self, rows: Sequence[Row]) -> tuple[int, int]:
        """How many exist already, and how many went back earlier and do not exist now."""
        columns = self.loaded.columns
        keyed = [row for row in rows if _has_key(self.keys, columns, row)]
        loose = [row for row in rows if not _has_key(self.keys, columns, row)]
        there = load.there(self.loaded, "maint_r", "maint_t")
        known = _count(self.context, self.loaded, self._used, keyed, there)
        if self.marked is False:
            return known, 0
        found = self._copies(loose)
        return known + found, len(loose) - found if self.marked else 0

    def _copies(self, rows: Sequence[Row]) -> int:
        if not rows or not self.loaded.columns:
            return 0
        query = _COPIES.format(
            mine=load.text("maint_r", self.loaded.columns),
            theirs=load.text("maint_t", self.loaded.columns),
            rows=_from(self.loaded, self.loaded.columns, rows),
            table=self.loaded.table.own,
        )
        return _read(self.context, query)

    def taken(self, rows: Sequence[Row]) -> Counter[str]:
        """Rows that do not exist while another row has one of their keys; counted by reason."""
        found, passed = Counter[str](), load.there(self.loaded, "maint_r", "maint_t")
        if self.keys == self.loaded.table.identity(self.loaded.columns)[:1]:  # the same question
            return found
        for key in self.keys:
            which = load.taken(self.loaded, key, "maint_r", "maint_t")
            both = sql.SQL("{} AND NOT coalesce({}, false)").format(which, passed)
            found[key.conflict] += _count(self.context, self.loaded, self._used, rows, both)
            passed = sql.SQL("({} OR {})").format(passed, which)
        return +found

    @property
    def places(self) -> frozenset[int]:
        """The positions of the columns that are compared: all of them for rows without a key."""
        columns = self.loaded.columns
        whole = self.marked is not False and not self.loaded.table.has_certain_key(columns)
        return frozenset(map(columns.index, columns if whole else self._used))

    @property
    def _used(self) -> list[str]:
        return sorted({column for key in self.keys for column in key.columns})


def _has_key(keys: Sequence[Key], columns: Sequence[str], row: Row) -> bool:
    value = dict(zip(columns, row, strict=True))
    return any(k.nulls_match or all(value[c] is not None for c in k.columns) for k in keys)


def _count(
    context: Context,
    loaded: load.Loaded,
    columns: Sequence[str],
    rows: Sequence[Row],
    there: sql.Composable,
) -> int:
    if not rows or not columns:
        return 0
    return _read(context, _KNOWN.format(rows=_from(loaded, columns, rows), there=there))


def _read(context: Context, query: sql.Composed) -> int:
    ((count,),) = context.session.read_composed(query, settings=formats.WITHOUT_LOSS)
    return int(count)


def _from(loaded: load.Loaded, columns: Sequence[str], rows: Sequence[Row]) -> sql.Composed:
    """Values as rows of a statement, called maint_r."""
    places = [loaded.columns.index(column) for column in columns]
    # Literals, not parameters: a name may hold a percent sign.
    arrays = [_Array([row[place] for row in rows]) for place in places]
    comma = sql.SQL(", ")
    values = [
        sql.SQL("{0}::{1} AS {0}").format(sql.Identifier(one.name), sql.SQL(one.full))  # pyright: ignore[reportArgumentType]  from the catalog
        for one in loaded.table.chosen(columns)
    ]
    return _ROWS.format(
        values=comma.join(values),
        arrays=comma.join(
            sql.SQL("pg_catalog.unnest({}::text[])").format(array) for array in arrays
        ),
        columns=load.names(columns),
    )


class _Array(sql.Composable):
    """Values as an array of text, byte by byte."""

    def as_bytes(self, context: AdaptContext | None = None) -> bytes:
        """Quoted for an array, and then for a statement, which has to be UTF-8 when it is sent."""
        text = b"{" + b",".join(map(_element, self._obj)) + b"}"
        text = text.replace(b"\\", b"\\\\").replace(b"'", b"''")
        connection = context.connection if context else None
        if connection is not None and formats.is_bytes(connection):
            text = re.sub(rb"[\x80-\xff]", lambda found: b"\\x%02x" % found[0][0], text)
        return b" E'" + text + b"'"


def _element(value: bytes | None) -> bytes:
    if value is None:
        return b"NULL"
    return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Lists of as many rows as go into one query."""
    some: list[Row] = []
    size = 0
    for row in rows:
        some.append(row)
        size += sum(len(value) for value in row if value is not None)
        if len(some) >= _ROWS_A_QUERY or size >= _BYTES_A_QUERY:
            yield some
            some, size = [], 0
    if some:
        yield some


def _rows(name: str, block: Block, places: frozenset[int]) -> Iterator[Row]:
    """The rows of a block. Raises Refused where they are not as the writer writes them."""
    width = len(block.columns) or 1
    try:
        for row in decode(block.pieces, places):
            if len(row) != width:
                raise damaged(name, "a row has not as many values as columns")
            yield row
    except KeyError as error:
        reason = f"a row cannot be read ({error} behind a backslash)"
        raise damaged(name, reason) from None
