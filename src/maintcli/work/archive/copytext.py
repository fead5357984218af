"""Rows in the text format of COPY, in which every value but NULL is PostgreSQL's own output.

Source of the format: PostgreSQL documentation, COPY, "Text Format".
"""

import re
from collections.abc import Iterable, Iterator

NULL = b"\\N"

_LETTERS = {
    b"\\": b"\\\\",
    b"\b": b"\\b",
    b"\f": b"\\f",
    b"\n": b"\\n",
    b"\r": b"\\r",
    b"\t": b"\\t",
    b"\v": b"\\v",
}
_SPECIAL = re.compile(rb"[\\\x08\x0c\n\r\t\x0b]")
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_MEANT = {escaped[1:]: plain for plain, escaped in _LETTERS.items()}

Row = tuple[bytes | None, ...]


def encode(rows: Iterable[Row]) -> Iterator[bytes]:
    """A line for each row."""
    return (b"\t".join(map(_written, row)) + b"\n" for row in rows)


def decode(lines: bytes) -> Iterator[Row]:
    """What `encode` was given."""
    for line in lines.split(b"\n")[:-1]:
        yield tuple(map(_read, line.split(b"\t")))


def _written(value: bytes | None) -> bytes:
    if value is None:
        return NULL
    if _SPECIAL.search(value):
        return _SPECIAL.sub(lambda found: _LETTERS[found[0]], value)
    return value


def _read(field: bytes) -> bytes | None:
    if field == NULL:
        return None
    return _ESCAPED.sub(lambda found: _MEANT[found[1]], field) if b"\\" in field else field
