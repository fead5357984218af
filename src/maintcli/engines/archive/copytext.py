"""Rows in the text format of COPY, in which every value but NULL is PostgreSQL's own output.

Source of the format: PostgreSQL documentation, COPY, "Text Format".
"""

import re
from collections.abc import Collection, Iterable, Iterator

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

LONG = 1 << 16
"""Bytes of a value that is written in pieces."""

Row = tuple[bytes | None, ...]
Raw = tuple[bytes | memoryview | None, ...]


def encode(row: Raw) -> Iterable[bytes]:
    """A line, in pieces where a value is long."""
    fields: list[bytes | memoryview] = []
    for value in row:
        if value is None:
            fields.append(NULL)
        elif len(value) > LONG:
            return _pieces(row)
        else:
            fields.append(_escaped(value))
    return (b"\t".join(fields) + b"\n",)


def decode(pieces: Iterable[bytes], wanted: Collection[int] | None = None) -> Iterator[Row]:
    """The rows that `encode` was given, from what it returned, cut anywhere.

    Of the columns at other places than `wanted` nothing is held, and None is returned.
    """
    begun: _Begun | None = None
    for piece in pieces:
        *whole, rest = piece.split(b"\n")
        for line in whole:
            if begun is None:
                yield tuple(
                    _read(field) if wanted is None or place in wanted else None
                    for place, field in enumerate(line.split(b"\t"))
                )
            else:
                begun.add(line)
                yield begun.end()
                begun = None
        if rest:
            begun = begun or _Begun(wanted)
            begun.add(rest)


class _Begun:
    """A line of which a part was read."""

    def __init__(self, wanted: Collection[int] | None) -> None:
        self._wanted = wanted
        self._row: list[bytes | None] = []
        self._field: list[bytes] = []

    def add(self, text: bytes) -> None:
        for number, field in enumerate(text.split(b"\t")):
            if number:
                self._end_field()
            if self._is_wanted():
                self._field.append(field)

    def end(self) -> Row:
        self._end_field()
        return tuple(self._row)

    def _is_wanted(self) -> bool:
        return self._wanted is None or len(self._row) in self._wanted

    def _end_field(self) -> None:
        self._row.append(_read(b"".join(self._field)) if self._is_wanted() else None)
        self._field.clear()


def lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a text that was cut anywhere; each ends with its own line's end."""
    begun: list[bytes] = []
    for piece in pieces:
        *whole, rest = piece.split(b"\n")
        for line in whole:
            yield b"".join([*begun, line, b"\n"])
            begun.clear()
        begun.append(rest)


def _pieces(row: Raw) -> Iterator[bytes]:
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
        return _SPECIAL.sub(lambda found: _LETTERS[found[0]], value)
    return value


def _read(field: bytes) -> bytes | None:
    if field == NULL:
        return None
    return _ESCAPED.sub(lambda found: _MEANT[found[1]], field) if b"\\" in field else field
