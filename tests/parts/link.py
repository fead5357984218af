"""One connection through the proxy."""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

from tests.parts.faults import Faults

IDLE = b"Z\x00\x00\x00\x05I"
"""ReadyForQuery outside a transaction: PostgreSQL's last word on a COMMIT."""
CHUNK = 65536

Pass = Callable[[bytes], bytes | None]
"""What is passed on of some bytes; None cuts the connection."""


class Link:
    """Bytes both ways, late and perhaps not all."""

    def __init__(self, faults: Faults, client: asyncio.StreamWriter) -> None:
        """Carry for `client`, under faults that may change on the way."""
        self._faults: Faults = faults
        self._ends: list[asyncio.StreamWriter] = [client]
        self._sent: int = 0
        self._answer: bytes | None = None  # collected once the cut waits for the server's answer

    async def carry(self, reader: asyncio.StreamReader, path: str) -> None:
        """Connect to the server's socket and pass everything on until one side ends."""
        try:
            server_reader, server = await asyncio.open_unix_connection(path)
        except OSError:
            self.cut()
            return
        client = self._ends[0]
        self._ends.append(server)
        ways = (
            self._pump(reader, server, self._to_server),
            self._pump(server_reader, client, self._to_client),
        )
        tasks = [asyncio.create_task(way) for way in ways]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for end in self._ends:
            end.close()

    def cut(self) -> bool:
        """End it rudely: both sides get a reset where their socket knows one."""
        alive = not self._ends[0].is_closing()
        for end in self._ends:
            found: socket.socket = end.get_extra_info("socket")
            with suppress(OSError):
                found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.transport.abort()
        return alive

    def _to_server(self, data: bytes) -> bytes | None:
        cut = self._faults.cut
        if cut and cut.meets(data):
            if cut.moment == "before":
                return None
            self._answer = b""
        return data

    def _to_client(self, data: bytes) -> bytes | None:
        if self._answer is not None:
            self._answer += data
            return None if IDLE in self._answer else b""
        limit = self._faults.cut_after_bytes
        self._sent += len(data)
        if limit is not None and self._sent >= limit:
            self._faults.cut_after_bytes = None
            return None
        return data

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, judge: Pass
    ) -> None:
        """Read at once and write when due, so that the delay does not limit the throughput."""
        due: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        reading = asyncio.create_task(self._read(reader, due))
        try:
            await self._write(writer, due, judge)
        except OSError:
            self.cut()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(
        self, reader: asyncio.StreamReader, due: asyncio.Queue[tuple[float, bytes]]
    ) -> None:
        loop = asyncio.get_running_loop()
        data = b"-"
        while data:
            try:
                data = await reader.read(CHUNK)
            except OSError:
                data = b""
            await due.put((loop.time() + self._faults.delay, data))

    async def _write(
        self,
        writer: asyncio.StreamWriter,
        due: asyncio.Queue[tuple[float, bytes]],
        judge: Pass,
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            when, data = await due.get()
            await asyncio.sleep(when - loop.time())
            passed = judge(data) if data else None
            if passed is None:
                if data:
                    self.cut()
                return
            writer.write(passed)
            await writer.drain()
