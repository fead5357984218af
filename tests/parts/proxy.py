"""A bad network: a proxy that delays, resets, and cuts a connection at a chosen moment."""

import asyncio
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.parts.faults import Cut, Faults, Moment
from tests.parts.link import Link
from tests.parts.server import Server
from tests.parts.waiting import PATIENCE


@dataclass
class Proxy:
    """A running proxy in front of `server`; `place` is where clients connect."""

    server: Server
    faults: Faults
    place: Server = field(default_factory=lambda: Server(host=""))
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    links: list[Link] = field(default_factory=list)

    def dsn(self, database: str = "postgres") -> str:
        """A value for DATABASE_URL that goes through the proxy."""
        return self.place.dsn(database)

    def cut_at(self, pattern: bytes, moment: Moment, *, nth: int = 1) -> Cut:
        """Cut one connection at that moment; the returned object tells whether it was `done`."""
        self.faults.cut = Cut(pattern, moment, nth)
        return self.faults.cut

    def reset(self) -> int:
        """Cut all connections now; how many there were."""
        return self._call(self._cut_all)

    def _cut_all(self) -> int:
        alive = [link for link in self.links if link.cut()]
        self.links.clear()
        return len(alive)

    def _call(self, act: Callable[[], int]) -> int:
        """Let the loop's thread do it."""
        done = Future[int]()
        self.loop.call_soon_threadsafe(lambda: done.set_result(act()))
        return done.result(PATIENCE)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until it ends."""
        link = Link(self.faults, writer)
        self.links.append(link)
        if self.faults.refuse:
            link.cut()
        else:
            await link.carry(reader, f"{self.server.host}/.s.PGSQL.{self.server.port}")


@contextmanager
def proxy(server: Server, *, delay: float = 0.0, folder: Path | None = None) -> Generator[Proxy]:
    """A proxy on a free port of 127.0.0.1, or on a Unix socket in `folder`.

    `delay` is in seconds and for each direction; throughput is not limited.
    """
    made = Proxy(server, Faults(delay=delay))
    thread = threading.Thread(target=made.loop.run_forever, daemon=True)
    thread.start()
    listener = asyncio.run_coroutine_threadsafe(_listen(made, folder), made.loop).result(PATIENCE)
    try:
        yield made
    finally:
        asyncio.run_coroutine_threadsafe(_end(made, listener), made.loop).result(PATIENCE)
        made.loop.call_soon_threadsafe(made.loop.stop)
        thread.join(PATIENCE)
        made.loop.close()


async def _listen(made: Proxy, folder: Path | None) -> asyncio.Server:
    if folder:
        made.place = Server(host=str(folder))
        return await asyncio.start_unix_server(made.accept, f"{folder}/.s.PGSQL.5432")
    listener = await asyncio.start_server(made.accept, "127.0.0.1", 0)
    made.place = Server(host="127.0.0.1", port=str(listener.sockets[0].getsockname()[1]))
    return listener


async def _end(made: Proxy, listener: asyncio.Server) -> None:
    """Cut what is left, and let its tasks run to their end."""
    listener.close()
    for link in made.links:
        link.cut()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others, timeout=PATIENCE / 2)
