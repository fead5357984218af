"""One file of an archive: a batch as SQL that psql can run, and that reading.py reads exactly.

Every block begins with a line `--maint {json}` that says what it holds and how long it is.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from os import SEEK_END
from typing import BinaryIO

from maintcli.engines.archive import copytext
from maintcli.engines.archive.member import Member, stored
from maintcli.engines.archive.section import Section

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

Defaults = Mapping[tuple[str, str, str], str]
"""Schema, table and column of a default, and its expression."""


def write(target: BinaryIO, sections: Iterable[Section], defaults: Defaults) -> Counter[str]:
    """Write the file's content; return the rows of each section, by its name.

    The sections stand in the order in which psql can put them back. `target` can seek. No more than
    a few rows are held at a time.
    """
    rows: Counter[str] = Counter()
    with Member(target) as head:
        head.write(HEAD.encode())
    for section in sections:
        rows[section.name] += _block(target, section, defaults)
    with Member(target) as tail:
        tail.write(TAIL.encode())
    return rows


def _block(target: BinaryIO, section: Section, defaults: Defaults) -> int:
    """Write a section; return its rows. How many they are is said before them, but known after."""
    before, after = _frame(section, defaults)
    place = target.tell()
    target.write(stored(_about(section, _MOST, (len(before), _MOST, len(after)))))
    rows = size = 0
    with Member(target) as block:
        block.write(before)
        for row in section.rows:
            rows += 1
            for piece in copytext.encode(row):
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


def _frame(section: Section, defaults: Defaults) -> tuple[bytes, bytes]:
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
    key, changed = section.columns[: section.key], section.columns[section.key :]
    sets = ", ".join(f"{_quoted(c)} = l.{_quoted(c)}" for c in changed)
    found = [f"t.{_quoted(c)} = l.{_quoted(c)}" for c in key] or ["false"]
    free = [_free(c, defaults.get((section.schema, section.table, c))) for c in changed]
    after = (
        f"UPDATE {table} AS t SET {sets} FROM pg_temp.maint_links AS l"
        f" WHERE {' AND '.join([*found, *free])};\nDROP TABLE pg_temp.maint_links;\n"
    )
    return before.encode(), after.encode()


def _free(column: str, default: str | None) -> str:
    """That nobody has linked the row to something else meanwhile."""
    free = f"t.{_quoted(column)} IS NULL"
    if default is None:
        return free
    return f"({free} OR t.{_quoted(column)} IS NOT DISTINCT FROM ({default}))"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
