"""What a restore would do: rows looked up in READ ONLY transactions."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from psycopg import sql
from psycopg.abc import AdaptContext

from maintcli.db import formats
from maintcli.errors import DamagedFile
from maintcli.runtime.context import Context
from maintcli.work.archive import copytext, ledger
from maintcli.work.archive.copytext import Row
from maintcli.work.archive.reading import Block
from maintcli.work.outlook.words import many
from maintcli.work.restore import load, say
from maintcli.work.restore.batch import Tables
from maintcli.work.restore.inventory import Inventory
from maintcli.work.restore.prune import shares
from maintcli.work.restore.result import Restored, Tally
from maintcli.work.restore.source import Source
from maintcli.work.restore.table import Key

_ROWS_A_QUERY = 10_000
_BYTES_A_QUERY = 8_000_000

_KNOWN = sql.SQL("""SELECT count(*) FROM (
    SELECT {values} FROM ROWS FROM ({arrays}) AS maint_u({columns})
) AS maint_r WHERE {there}""")


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
    tally = Tally()
    marked = _marked(context, source)
    for kept in held.files:
        back = marked.get(kept.file)
        for block in filter(wanted, source.blocks(kept)):
            if block.kind == "links":
                tally.mended += block.size
                continue
            table = tables[block.schema, block.table]
            loaded = load.Loaded(sql.Identifier("maint_r"), table, block.columns)
            marked_back = None if back is None else block.name in back
            look = _Look(context, loaded, table.usable_keys(block.columns), marked_back)
            for some in _batches(_rows(kept.file, block, look.places)):
                known, taken = look.known(some), look.taken(some)
                tally.existing += known
                tally.refuse(table.name, taken)
                tally.restored[table.name] += len(some) - known - taken.total()
        tally.files += 1
    for name, count in tally.restored.items():
        context.log.info(f"would restore {many(count)} of {name}")
    say.refused(context, tally)
    return tally.result


def _marked(context: Context, source: Source) -> Mapping[str, frozenset[str]]:
    if source.schema is None:
        return {}
    run_ids = {kept.run_id for kept in source.files}
    return ledger.marked(context.session, source.schema, run_ids)


class _Look(NamedTuple):
    """Looks for rows of one block; `marked`: those without a key are back, None: no ledger."""

    context: Context
    loaded: load.Loaded
    keys: Sequence[Key]
    marked: bool | None

    def known(self, rows: Sequence[Row]) -> int:
        """How many of them are there already."""
        columns = self.loaded.columns
        keyed = [row for row in rows if _has_key(self.keys, columns, row)]
        loose = [row for row in rows if not _has_key(self.keys, columns, row)]
        there = load.there(self.loaded, "maint_r", "maint_t")
        known = _count(self.context, self.loaded, self._used, keyed, there)
        if self.marked is None:
            alike = load.alike(self.loaded, "maint_r", "maint_t")
            known += _count(self.context, self.loaded, columns, loose, alike)
        elif self.marked:
            known += len(loose)
        return known

    def taken(self, rows: Sequence[Row]) -> Counter[str]:
        """Those that are not there, while another one has a key of theirs; by that reason."""
        found, passed = Counter[str](), load.there(self.loaded, "maint_r", "maint_t")
        if self.keys == self.loaded.table.identity(self.loaded.columns)[:1]:  # the same question
            return found
        for key in self.keys:
            which = load.taken(self.loaded, key, "maint_r", "maint_t")
            both = sql.SQL("{} AND NOT coalesce({}, false)").format(which, passed)
            found[shares(key)] += _count(self.context, self.loaded, self._used, rows, both)
            passed = sql.SQL("({} OR {})").format(passed, which)
        return +found

    @property
    def places(self) -> frozenset[int]:
        """The columns whose values are looked at: of rows without a key all of them."""
        columns = self.loaded.columns
        whole = self.marked is None and not self.loaded.table.has_certain_key(columns)
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
    types = {column.name: column.type for column in loaded.table.shape.columns}
    places = [loaded.columns.index(column) for column in columns]
    # Literals, not parameters: a name may hold a percent sign.
    arrays = [_Array([row[place] for row in rows]) for place in places]
    comma = sql.SQL(", ")
    values = [
        sql.SQL("{0}::{1} AS {0}").format(sql.Identifier(column), sql.SQL(types[column]))  # pyright: ignore[reportArgumentType]  from the catalog
        for column in columns
    ]
    query = _KNOWN.format(
        values=comma.join(values),
        arrays=comma.join(
            sql.SQL("pg_catalog.unnest({}::text[])").format(array) for array in arrays
        ),
        columns=load.names(columns),
        there=there,
    )
    ((count,),) = context.session.read_composed(query, settings=formats.WITHOUT_LOSS)
    return int(count)


class _Array(sql.Composable):
    """Values as an array of text, in the bytes that they have."""

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
    """As many as go into one query."""
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
    """The rows of a block. Raises DamagedFile where they are not as we write them."""
    width = len(block.columns) or 1
    try:
        for row in copytext.decode(block.pieces, places):
            if len(row) != width:
                raise DamagedFile(file=name, reason="a row has not as many values as columns")
            yield row
    except KeyError as error:
        reason = f"a row cannot be read ({error} behind a backslash)"
        raise DamagedFile(file=name, reason=reason) from None
