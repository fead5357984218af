"""Reading a file of an archive: block after block, and each of them in pieces.

No more than a piece is held at a time, however large the file is.
"""

import gzip
import json
import re
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from hashlib import sha256
from typing import Any, BinaryIO, Literal, NamedTuple

from maintcli.engines.archive.manifest import number, text
from maintcli.engines.archive.writer import END, ESCAPES, HEAD, MARK, NULL, TAIL
from maintcli.errors import Refused
from maintcli.services.stored import damaged

PIECE_BYTES = 1 << 18
_LONGEST_ABOUT = 1 << 22  # bytes of the line before a block: 1,600 columns of 63 bytes, escaped
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_MEANT = {escaped[1:]: plain for plain, escaped in ESCAPES.items()}
Row = tuple[bytes | None, ...]


class Block(NamedTuple):
    """What a section became. `size` is how many rows it has.

    `pieces` are its rows as COPY reads them, to be read once, and before the next block.
    """

    schema: str
    table: str
    columns: tuple[str, ...]
    kind: Literal["rows", "links"]
    key: int
    size: int
    pieces: Iterator[bytes]

    @property
    def name(self) -> str:
        """`schema.table`, as reports show it."""
        return f"{self.schema}.{self.table}"


class Limits(NamedTuple):
    """`check` raises when reading has to stop; `most_bytes` bounds the unpacked size."""

    check: Callable[[], None]
    most_bytes: int | None = None


def read(name: str, packed: BinaryIO, limits: Limits) -> Iterator[Block]:
    """The blocks of the file called `name`, read to its end. Raises Refused."""
    source = _Text(name, packed, limits)
    source.read(len(HEAD.encode()))
    while (line := source.line()).startswith(MARK):
        try:
            about: dict[str, Any] = json.loads(line[len(MARK) :])
            before, size, after = (number(length) for length in about["bytes"])
            if max(before, after) > _LONGEST_ABOUT:
                raise source.damaged("a block cannot be read (its SQL is too long)")
            rows, width = number(about["rows"]), len(about["columns"])
            pieces = _pieces(source, before, size, (rows, rows * max(0, width - 1)))
            block = _block(about, pieces)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise source.damaged(f"a block cannot be read ({error})") from None
        yield block
        for _ in pieces:  # what the caller did not read has to be whole, too
            pass
        source.read(after)
    if line != TAIL.encode() or source.line():
        raise source.damaged("its end is missing")


def _block(about: dict[str, Any], pieces: Iterator[bytes]) -> Block:
    columns = tuple(text(column) for column in about["columns"])
    if len(set(columns)) < len(columns) or about["kind"] not in ("rows", "links"):
        reason = "its columns or its kind are wrong"
        raise ValueError(reason)
    most_key = 0 if about["kind"] == "rows" else len(columns)
    return Block(
        schema=text(about["schema"]),
        table=text(about["table"]),
        columns=columns,
        kind=about["kind"],
        key=number(about["key"], most_key),
        size=number(about["rows"]),
        pieces=pieces,
    )


def _pieces(source: "_Text", before: int, size: int, counts: tuple[int, int]) -> Iterator[bytes]:
    """The rows; `counts` are how many lines and tabs they have."""
    source.read(before)
    lines = tabs = 0
    while size:
        piece = source.read(min(PIECE_BYTES, size))
        size -= len(piece)
        lines, tabs = lines + piece.count(b"\n"), tabs + piece.count(b"\t")
        if b"\0" in piece:
            raise source.damaged("a value holds a character that PostgreSQL cannot store")
        yield piece
    if source.read(len(END)) != END or (lines, tabs) != counts:
        raise source.damaged("a block cannot be read (its rows are not as many as it says)")


def digest(file: BinaryIO, check: Callable[[], None] | None = None) -> str:
    """The checksum of a whole file, as manifests and the ledger have it."""
    found = sha256()
    file.seek(0)
    while piece := file.read(PIECE_BYTES):
        found.update(piece)
        if check is not None:
            check()
    return found.hexdigest()


class _Text:
    """The unpacked text of a file, read from the beginning to the end."""

    def __init__(self, name: str, packed: BinaryIO, limits: Limits) -> None:
        self.name = name
        self._file = gzip.GzipFile(fileobj=packed)
        self._limits = limits
        self._size = 0

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes. Raises Refused where the file ends before."""
        found = self._unpacked(self._file.read, size)
        if len(found) < size:
            raise self.damaged("its end is missing")
        return found

    def line(self) -> bytes:
        """The rest of a line; nothing at the end."""
        return self._unpacked(self._file.readline, _LONGEST_ABOUT)

    def damaged(self, reason: str) -> Refused:
        """The error to raise."""
        return damaged(self.name, reason)

    def _unpacked(self, read: Any, size: int) -> bytes:
        try:
            found: bytes = read(size)
        except (OSError, EOFError, zlib.error) as error:
            raise self.damaged(f"it cannot be unpacked ({error})") from None
        self._size += len(found)
        self._limits.check()
        most = self._limits.most_bytes
        if most is not None and self._size > most:
            raise self.damaged(f"it unpacks to more than {most:,} bytes")
        return found


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

    def add(self, line: bytes) -> None:
        for place, field in enumerate(line.split(b"\t")):
            if place:
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


def _read(field: bytes) -> bytes | None:
    if field == NULL:
        return None
    return _ESCAPED.sub(lambda found: _MEANT[found[1]], field) if b"\\" in field else field
