"""Reading a file of an archive: block after block, and each of them in pieces.

No more than a piece is held at a time, however large the file is.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, BinaryIO, Literal, NamedTuple

from maintcli.errors import DamagedFile
from maintcli.work.archive.file import END, HEAD, MARK, TAIL

PIECE_BYTES = 1 << 18
_LONGEST_ABOUT = 1 << 22  # bytes of the line before a block: 1,600 columns of 63 bytes, escaped


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


def read(name: str, packed: BinaryIO) -> Iterator[Block]:
    """The blocks of the file called `name`, read to its end. Raises DamagedFile."""
    text = _Text(name, packed)
    text.read(len(HEAD.encode()))
    while (line := text.line()).startswith(MARK):
        try:
            about: dict[str, Any] = json.loads(line[len(MARK) :])
            before, size, after = map(int, about["bytes"])
            pieces = _pieces(text, before, size, int(about["rows"]))
            block = _block(about, pieces)
        except (ValueError, KeyError, TypeError) as error:
            raise text.damaged(f"a block cannot be read ({error})") from None
        yield block
        for _ in pieces:  # what nobody wanted has to be whole too
            pass
        text.read(after)
    if line != TAIL.encode() or text.line():
        raise text.damaged("its end is missing")


def _block(about: dict[str, Any], pieces: Iterator[bytes]) -> Block:
    return Block(
        schema=about["schema"],
        table=about["table"],
        columns=tuple(about["columns"]),
        kind=about["kind"],
        key=about["key"],
        size=about["rows"],
        pieces=pieces,
    )


def _pieces(text: "_Text", before: int, size: int, rows: int) -> Iterator[bytes]:
    text.read(before)
    lines = 0
    while size:
        piece = text.read(min(PIECE_BYTES, size))
        size, lines = size - len(piece), lines + piece.count(b"\n")
        yield piece
    if text.read(len(END)) != END or lines != rows:
        raise text.damaged("a block cannot be read (its rows are not as many as it says)")


def digest(file: BinaryIO) -> str:
    """The checksum of a whole file, as manifests and the ledger have it."""
    found = sha256()
    file.seek(0)
    while piece := file.read(PIECE_BYTES):
        found.update(piece)
    return found.hexdigest()


class _Text:
    """What is packed in a file, read from the beginning to the end."""

    def __init__(self, name: str, packed: BinaryIO) -> None:
        self.name = name
        self._file = gzip.GzipFile(fileobj=packed)

    def read(self, size: int) -> bytes:
        """So many bytes."""
        found = self._unpacked(self._file.read, size)
        if len(found) < size:
            raise self.damaged("its end is missing")
        return found

    def line(self) -> bytes:
        """The rest of a line; nothing at the end."""
        return self._unpacked(self._file.readline, _LONGEST_ABOUT)

    def damaged(self, reason: str) -> DamagedFile:
        """The error to raise."""
        return DamagedFile(file=self.name, reason=reason)

    def _unpacked(self, read: Any, size: int) -> bytes:
        try:
            found: bytes = read(size)
        except (OSError, EOFError, zlib.error) as error:
            raise self.damaged(f"it cannot be unpacked ({error})") from None
        return found
