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


def decode(pieces: Iterable[bytes]) -> Iterator[Row]:
    """What `encode` was given, from what it returned, cut anywhere."""
    for line in lines(pieces):
        yield tuple(map(_read, line[:-1].split(b"\t")))


def lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a text that was cut anywhere; each ends with its own line's end."""
    begun: list[bytes] = []
    for piece in pieces:
        *whole, rest = piece.split(b"\n")
        for line in whole:
            yield b"".join([*begun, line, b"\n"])
            begun.clear()
        begun.append(rest)


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
