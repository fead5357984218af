"""Members of a gzip file: put one behind the other they unpack to one text.

Source: RFC 1952, section 2.2.
"""

import zlib
from types import TracebackType
from typing import BinaryIO, Self

_LEVEL = 3  # a third larger than the best, at a third of its time
_GZIP = zlib.MAX_WBITS | 16
_BUFFER = 1 << 16


class Member:
    """Packs what is written, and passes it on in pieces."""

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
        """End it, unless something went wrong."""
        if kind is None:
            self._pass_on()
            self._target.write(self._packer.flush())

    def _pass_on(self) -> None:
        self._target.write(self._packer.compress(b"".join(self._waiting)))
        self._waiting.clear()
        self._size = 0


def stored(data: bytes) -> bytes:
    """A member that is not packed: as long for every text of this length."""
    packer = zlib.compressobj(0, zlib.DEFLATED, _GZIP)
    return packer.compress(data) + packer.flush()
