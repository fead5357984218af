"""Reading the cursors of an open transaction piece by piece, so that memory is flat.

A piece is small enough for the buffers between server and client. A client that freezes so leaves
the server idle in its transaction, which a timeout ends, and not in the middle of sending.
"""

from collections.abc import Callable, Generator, Iterator
from typing import Any

import psycopg
from psycopg import sql
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Loader

from maintcli.db import formats
from maintcli.db.connect import Connection

Raw = tuple[bytes | memoryview | None, ...]
PIECE_BYTES = 64 * 1024
_FIRST_ROWS, _MOST_ROWS, _GROWTH = 64, 4_096, 4


class Cursors:
    """The cursors of a transaction. `rows` and `size_bytes` are what was read of them so far."""

    def __init__(self, connection: Connection, check: Callable[[], None]) -> None:
        self._connection = connection
        self._check = check
        self._begun: list[Generator[Raw]] = []
        self.rows = 0
        self.size_bytes = 0

    def read(self, name: str) -> Iterator[Raw]:
        """The rows of the cursor `name`, as PostgreSQL wrote them. Never more than one is held."""
        self._begun.append(self._read(name))
        return self._begun[-1]

    def close(self) -> None:
        """End what was not read to its end: it keeps the connection from everybody else."""
        for rows in self._begun:
            rows.close()

    def _read(self, name: str) -> Generator[Raw]:
        wanted = _FIRST_ROWS
        while True:
            self._check()
            rows, size = self.rows, self.size_bytes
            yield from self._piece(name, wanted)
            rows, size = self.rows - rows, self.size_bytes - size
            if rows < wanted:
                return
            fitting = wanted * PIECE_BYTES // max(size, 1)
            wanted = max(1, min(fitting, _GROWTH * wanted, _MOST_ROWS))

    def _piece(self, name: str, count: int) -> Generator[Raw]:
        fetch = sql.SQL("FETCH {} FROM {}").format(count, sql.Identifier(name))
        with formats.as_bytes(self._connection), _RawCursor(self._connection) as cursor:
            # Row by row also within a piece: the size of the next rows is unknown.
            for row in cursor.stream(fetch.as_bytes(self._connection)):
                self.rows += 1
                self.size_bytes += sum(len(value) for value in row if value is not None)
                yield row
                del row  # before the next one comes: a value can be as large as memory


class _AsItCame(Loader):
    """Looks at no value, and makes no copy of a long one."""

    def load(self, data: Buffer) -> bytes | memoryview:
        return memoryview(data) if len(data) > PIECE_BYTES else bytes(data)


_ADAPTERS = AdaptersMap()
_ADAPTERS.register_loader(0, _AsItCame)


class _RawCursor(psycopg.Cursor[Any]):
    """A cursor that gives values of every type as PostgreSQL wrote them."""

    @property
    def adapters(self) -> AdaptersMap:
        return _ADAPTERS
