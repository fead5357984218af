"""One request over HTTP, sent once, within a bounded time, and never to where it is redirected."""

import os
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, RemoteDisconnected
from threading import Timer
from typing import Final, NamedTuple

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NameResolutionError
from urllib3.response import BaseHTTPResponse

from maintcli import __version__
from maintcli.errors import Unreachable, Unsent
from maintcli.services.address import Address

MOST_BYTES: Final = 64 * 1024
_CONNECT_SECONDS: Final = 10.0


class Answer(NamedTuple):
    """What came back. The body is read of a 2xx alone; `is_whole` is False where it is too long."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    is_whole: bool = True


def post(
    address: Address,
    headers: Mapping[str, str],
    body: bytes | None = None,
    *,
    seconds: float,
) -> Answer:
    """POST, and read at most 64 KiB of the answer, all within `seconds`.

    Raises Unsent where no connection came about: only then may it be sent once more. Raises
    Unreachable for a certificate that is not to be trusted, and where no answer came.
    """
    kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
    connection = kind(address.host, address.port, timeout=min(_CONNECT_SECONDS, seconds))
    connection.response_class = _Final
    sent = {"User-Agent": f"maint/{__version__}", "Accept": "application/json", **headers}
    limit = _Limit(connection, seconds)
    try:
        _connect(connection, address, limit)
        return _exchange(connection, address, sent, body, limit)
    finally:
        limit.close()
        connection.close()


class _Final(HTTPResponse):
    """Passes over 102, 103 and the like, which come before the answer; the library knows 100."""

    def begin(self) -> None:
        """Read up to the headers of the answer."""
        super().begin()
        while self.status < 200 and self.status != HTTPStatus.SWITCHING_PROTOCOLS:
            vars(self)["headers"] = None  # or it would take what it has for the answer
            super().begin()


class _Limit:
    """Cuts the connection after `seconds`: a limit for each byte is none for a server that drips.

    It has a descriptor of its own, since the library gives up the socket before the body is read.
    """

    def __init__(self, connection: HTTPConnection, seconds: float) -> None:
        self.seconds = seconds
        self.is_over = False
        self._connection = connection
        self._twin: socket.socket | None = None
        self._timer = Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def hold(self) -> None:
        """Take hold of the connection, now that there is one."""
        self._twin = socket.socket(fileno=os.dup(self._connection.sock.fileno()))

    def close(self) -> None:
        """It was kept, or is over."""
        self._timer.cancel()
        self._timer.join()
        if self._twin is not None:
            self._twin.close()

    def __str__(self) -> str:
        return f"{self.seconds:.0f} s"

    def _cut(self) -> None:
        self.is_over = True
        with suppress(OSError, AttributeError):  # it is closed, or not there yet
            (self._twin or self._connection.sock).shutdown(socket.SHUT_RDWR)


def _connect(connection: HTTPConnection, address: Address, limit: _Limit) -> None:
    try:
        connection.connect()
        limit.hold()
    except ssl.SSLCertVerificationError as error:
        raise Unreachable(
            f"{address} has no certificate to be trusted, so nothing was sent:"
            f" {error.verify_message}."
        ) from None
    except (OSError, HTTPError) as error:
        reason = f"it took more than {limit}" if limit.is_over else _why(error)
        raise Unsent(f"{address} cannot be reached, and nothing was sent: {reason}.") from None
    if limit.is_over:
        raise Unsent(
            f"{address} cannot be reached, and nothing was sent: it took more than {limit}."
        )
    connection.timeout = limit.seconds


def _exchange(
    connection: HTTPConnection,
    address: Address,
    headers: Mapping[str, str],
    body: bytes | None,
    limit: _Limit,
) -> Answer:
    try:
        connection.request(
            "POST", address.target, body, headers, preload_content=False, decode_content=False
        )
        answer = _read(connection.getresponse())
    except (OSError, HTTPException, HTTPError) as error:
        is_late = limit.is_over or isinstance(_cause(error), TimeoutError)
        reason = f"it had not all come within {limit}" if is_late else _why(error)
        raise Unreachable(
            f"{address} gave no answer: {reason}. What was sent may have arrived, so it is not sent"
            " again."
        ) from None
    if limit.is_over:  # what was cut looks like the end of a short answer
        raise Unreachable(
            f"{address} gave no answer: it had not all come within {limit}. What was sent may have"
            " arrived, so it is not sent again."
        )
    return answer


def _read(response: BaseHTTPResponse) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    if not 200 <= response.status < 300:
        return Answer(response.status, headers)
    body = b""
    # Until nothing comes: only then does the library compare what came with what was announced.
    while len(body) <= MOST_BYTES and (
        piece := response.read(MOST_BYTES + 1 - len(body), decode_content=False)
    ):
        body += piece
    return Answer(response.status, headers, body[:MOST_BYTES], is_whole=len(body) <= MOST_BYTES)


def _why(error: Exception) -> str:
    """A clause of our own: the libraries' texts repeat what was sent."""
    cause = _cause(error)
    if isinstance(error, NameResolutionError):
        return "its name is not known"
    if isinstance(cause, TimeoutError):
        return f"it did not answer within {_CONNECT_SECONDS:.0f} s"
    if isinstance(cause, RemoteDisconnected):
        return "the connection was closed before it came"
    if isinstance(cause, ssl.SSLError):
        return "the encrypted connection failed"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return "what came is no HTTP, or not all of it"


def _cause(error: BaseException) -> BaseException:
    return error.__cause__ if isinstance(error, HTTPError) and error.__cause__ else error
