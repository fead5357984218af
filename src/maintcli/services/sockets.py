"""Sockets that are connected, and cut, within a bounded time: for HTTP and for mail."""

import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from threading import Thread, Timer
from typing import Final, Self

CONNECT_SECONDS: Final = 10.0
_LEAST_SECONDS: Final = 0.001


class Limit:
    """Cuts the connection after `seconds`: a limit per read does not stop a slow server.

    It has its own descriptor, since the library drops the socket before the body is read.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._is_cut = False
        self._deadline = time.monotonic() + seconds
        self._twin: socket.socket | None = None
        self._timer = Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._timer.join()
        self._let_go()

    @property
    def left(self) -> float:
        """Seconds, and never none: a socket takes 0 for not waiting at all."""
        return max(self._deadline - time.monotonic(), _LEAST_SECONDS)

    @property
    def is_over(self) -> bool:
        """Whether the time is up; a socket's own time-out may come before the timer's cut."""
        return self._is_cut or self.left <= _LEAST_SECONDS

    def hold(self, connection: socket.socket) -> None:
        """Cut this one from now on."""
        self._let_go()
        connection.settimeout(self.left)
        self._twin = socket.socket(fileno=os.dup(connection.fileno()))
        if self._is_cut:  # just now, before there was anything to cut
            self._cut()

    def __str__(self) -> str:
        return f"{self.seconds:.0f} s"

    def _let_go(self) -> None:
        twin, self._twin = self._twin, None
        if twin is not None:
            twin.close()

    def _cut(self) -> None:
        self._is_cut = True
        twin = self._twin
        if twin is not None:
            with suppress(OSError):  # it is closed
                twin.shutdown(socket.SHUT_RDWR)


def resolve(host: str, port: int, limit: Limit) -> Sequence[str]:
    """The IP addresses of a host, asked for in a thread: the system's own limit may be minutes."""
    found: list[str] = []
    failed: list[OSError | UnicodeError] = []

    def ask() -> None:
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend(dict.fromkeys(str(info[4][0]) for info in infos))
        except (OSError, UnicodeError) as error:
            failed.append(error)

    thread = Thread(target=ask, daemon=True)
    thread.start()
    thread.join(limit.left)
    if failed:
        raise failed[0]
    if not found:
        raise TimeoutError
    return found


def connect(ips: Sequence[str], port: int, limit: Limit) -> socket.socket:
    """A connection to the first of `ips` that takes one; else the last one's error."""
    for ip in ips[:-1]:
        with suppress(OSError):
            return socket.create_connection((ip, port), min(CONNECT_SECONDS, limit.left))
    return socket.create_connection((ips[-1], port), min(CONNECT_SECONDS, limit.left))
