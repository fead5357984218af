"""Writing a file of an archive: a batch as SQL that psql can run, and that reader.py reads exactly.

The file is gzip of several members. Every block begins with a line `--maint {json}` that says what
it holds and how long it is. Rows are in the text format of COPY, in which every value but NULL is
PostgreSQL's own output.

Sources: PostgreSQL documentation, COPY, "Text Format"; RFC 1952, section 2.2 (members).
"""

import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from os import SEEK_END
from types import TracebackType
from typing import BinaryIO, Literal, NamedTuple, Self

from psycopg import sql

from maintcli.db.catalog.tables import Column

_MOST = 10**15  # rows or bytes in a block
MARK = b"--maint "
END = b"\\.\n"

HEAD = """-- Rows that maint removed. Put back by hand, newest file first:
-- gunzip -c FILE | psql -X -v ON_ERROR_STOP=1
BEGIN;
SET LOCAL client_encoding = 'UTF8';
SET LOCAL standard_conforming_strings = on;
SET LOCAL DateStyle = 'ISO, YMD';
SET LOCAL IntervalStyle = 'postgres';
SET LOCAL TimeZone = 'UTC';
"""
TAIL = "COMMIT;\n"

Columns = Mapping[tuple[str, str, str], Column]
"""Columns of today, by schema, table and name."""

NULL = b"\\N"
ESCAPES = {
    b"\\": b"\\\\",
    b"\b": b"\\b",
    b"\f": b"\\f",
    b"\n": b"\\n",
    b"\r": b"\\r",
    b"\t": b"\\t",
    b"\v": b"\\v",
}

_SPECIAL = re.compile(rb"[\\\x08\x0c\n\r\t\x0b]")
LONG = 1 << 16
"""Bytes of a value that is written in pieces."""

Raw = tuple[bytes | memoryview | None, ...]
_LEVEL = 3  # a third larger than the best, at a third of its time
_GZIP = zlib.MAX_WBITS | 16
_BUFFER = 1 << 16


class Section(NamedTuple):
    """Rows of one relation that a batch is about to delete, or links that it is about to cut.

    A value is what PostgreSQL's output function writes, as bytes; None is NULL. `rows`
    may come from the server while they are written; they are read once. Of `links` the first `key`
    columns find the row, and the others are the old values of SET NULL / SET DEFAULT.
    """

    schema: str
    table: str
    columns: tuple[str, ...]
    kind: Literal["rows", "links"]
    rows: Iterable[tuple[bytes | memoryview | None, ...]]
    key: int = 0

    @property
    def name(self) -> str:
        """`schema.table`, as reports show it; links are told apart."""
        name = f"{self.schema}.{self.table}"
        return name if self.kind == "rows" else f"{name} (links)"


def write(target: BinaryIO, sections: Iterable[Section], columns: Columns) -> Counter[str]:
    """Write the file's content; return the rows of each section, by its name.

    The sections stand in the order in which psql can put them back. `columns` has at least those of
    links. `target` can seek. No more than a few rows are held at a time.
    """
    rows: Counter[str] = Counter()
    with Member(target) as head:
        head.write(HEAD.encode())
    for section in sections:
        rows[section.name] += _block(target, section, columns)
    with Member(target) as tail:
        tail.write(TAIL.encode())
    return rows


def _block(target: BinaryIO, section: Section, columns: Columns) -> int:
    """Write a section; return its rows. Their number stands before them and is filled in after."""
    before, after = _frame(section, columns)
    place = target.tell()
    target.write(stored(_about(section, _MOST, (len(before), _MOST, len(after)))))
    rows = size = 0
    with Member(target) as block:
        block.write(before)
        for row in section.rows:
            rows += 1
            for piece in encode(row):
                block.write(piece)
                size += len(piece)
            del row
        block.write(END + after)
    target.seek(place)
    target.write(stored(_about(section, rows, (len(before), size, len(after)))))
    target.seek(0, SEEK_END)
    return rows


def _about(section: Section, rows: int, sizes: tuple[int, int, int]) -> bytes:
    """The line before a block; with any numbers it is equally long."""
    about = {
        "schema": section.schema,
        "table": section.table,
        "columns": section.columns,
        "kind": section.kind,
        "key": section.key,
        "rows": rows,
        "bytes": sizes,
    }
    digits = sum(len(str(number)) for number in (rows, sizes[1]))
    blanks = b" " * (2 * len(str(_MOST)) - digits)
    return MARK + json.dumps(about).encode() + blanks + b"\n"


def _frame(section: Section, known: Columns) -> tuple[bytes, bytes]:
    """The SQL before and after a block's rows."""
    # Here and not in the head, whose length is that of all archives.
    nulls = "SET LOCAL array_nulls = on;\n"
    table = f"{_quoted(section.schema)}.{_quoted(section.table)}"
    columns = ", ".join(map(_quoted, section.columns))
    if section.kind == "rows":
        listed = f" ({columns})" if columns else ""
        return f"{nulls}COPY {table}{listed} FROM stdin;\n".encode(), b""
    before = (
        f"{nulls}CREATE TEMP TABLE maint_links ON COMMIT DROP AS SELECT {columns} FROM {table}"
        f" WITH NO DATA;\nCOPY pg_temp.maint_links ({columns}) FROM stdin;\n"
    )
    linked = [known[section.schema, section.table, name] for name in section.columns]
    key, changed = linked[: section.key], linked[section.key :]
    sets = ", ".join(f"{_quoted(c.name)} = l.{_quoted(c.name)}" for c in changed)
    found = [_equal(c, _value(c, "l")) for c in key] or ["false"]
    free = [_free(c) for c in changed]
    after = (
        f"UPDATE {table} AS t SET {sets} FROM pg_temp.maint_links AS l"
        f" WHERE {' AND '.join([*found, *free])};\nDROP TABLE pg_temp.maint_links;\n"
    )
    return before.encode(), after.encode()


def _free(column: Column) -> str:
    """A condition: the row was not linked to another one meanwhile."""
    free = f"t.{_quoted(column.name)} IS NULL"
    if column.default is None:
        return free
    return f"({free} OR {_equal(column, f'({column.default})')})"


def _equal(column: Column, other: str) -> str:
    """By the type's own operator: under the path of who runs psql a bare `=` may be another."""
    return f"{_value(column, 't')} {column.operator('=').as_string()} {other}"


def _value(column: Column, row: str) -> str:
    return column.value(sql.Identifier(row)).as_string()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def encode(row: Raw) -> Iterable[bytes]:
    """A line, in pieces where a value is long."""
    fields: list[bytes | memoryview] = []
    for value in row:
        if value is None:
            fields.append(NULL)
        elif len(value) > LONG:
            return _long(row)
        else:
            fields.append(_escaped(value))
    return (b"\t".join(fields) + b"\n",)


def _long(row: Raw) -> Iterator[bytes]:
    for place, value in enumerate(row):
        if place:
            yield b"\t"
        if value is None:
            yield NULL
            continue
        for begin in range(0, len(value), LONG):
            yield bytes(_escaped(value[begin : begin + LONG]))
    yield b"\n"


def _escaped(value: bytes | memoryview) -> bytes | memoryview:
    if _SPECIAL.search(value):
        return _SPECIAL.sub(lambda found: ESCAPES[found[0]], value)
    return value


class Member:
    """A gzip member: packs what is written, and passes it on in pieces."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        self._waiting: list[bytes] = []
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def write(self, data: bytes) -> None:
        """Add to it."""
        self._waiting.append(data)
        self._size += len(data)
        if self._size >= _BUFFER:
            self._pass_on()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the member, unless an error was raised."""
        if kind is None:
            self._pass_on()
            self._target.write(self._packer.flush())

    def _pass_on(self) -> None:
        self._target.write(self._packer.compress(b"".join(self._waiting)))
        self._waiting.clear()
        self._size = 0


def stored(data: bytes) -> bytes:
    """A member without compression, so that texts of one length have one size."""
    packer = zlib.compressobj(0, zlib.DEFLATED, _GZIP)
    return packer.compress(data) + packer.flush()
