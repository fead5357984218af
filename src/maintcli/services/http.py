"""Requests over HTTP, each within a bounded time and with a bounded answer.

The standard library's client, on sockets that are connected here: so a host is resolved once, what
was checked is what is connected to, and no library logs a URL.
"""

import select
import socket
import ssl
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from http.client import RemoteDisconnected as Disconnected
from io import BufferedReader
from typing import Final, NamedTuple, Self
from urllib.parse import urljoin

from maintcli import __version__
from maintcli.errors import Refused, Unreachable, Unsent, Untrusted
from maintcli.services.address import Address, is_public, read
from maintcli.services.sockets import CONNECT_SECONDS, Limit, connect, resolve

MOST_BYTES: Final = 64 * 1024
_REDIRECTS: Final = {301, 302, 303, 307, 308}
_NOTHING: Final[Mapping[str, str]] = {}


class Answer(NamedTuple):
    """What came back; `is_whole` is False where the body was longer than 64 KiB.

    Names of headers are in lowercase. The body of anything but a 2xx may also be incomplete.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    is_whole: bool = True


class Client:
    """The requests of one run, which keeps connections open between them; for one thread.

    `public_only` refuses hosts of private networks and of this machine, for URLs that others gave.
    Every request ends within its `seconds`, whatever the server does, and raises

    - Unsent where no connection came about: only then may a POST be sent once more;
    - Untrusted for a certificate that is not to be trusted: nothing was sent;
    - Unreachable where no answer came;
    - Refused for what `public_only` refuses.

    Messages show a URL without its path and query, which may hold a token.
    """

    def __init__(self, *, public_only: bool = False) -> None:
        self._public_only = public_only
        self._open: dict[tuple[str, str, int], HTTPConnection] = {}
        self._resolved: dict[tuple[str, int], Sequence[str]] = {}
        self._tls: ssl.SSLContext | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        while self._open:
            self._open.popitem()[1].close()

    def get(
        self,
        address: Address,
        headers: Mapping[str, str] = _NOTHING,
        *,
        seconds: float,
        redirects: int = 0,
    ) -> Answer:
        """GET, and follow at most so many `redirects`; the answer may be one more of them.

        None is followed from https:// to http://, and no header goes along to another host.
        """
        with Limit(seconds) as limit:
            answer = self._request("GET", address, headers, None, limit)
            for _ in range(redirects):
                target = _target(address, answer)
                if target is None:
                    break
                if target.origin != address.origin:
                    headers = _NOTHING
                address = target
                answer = self._request("GET", address, headers, None, limit)
            return answer

    def post(
        self,
        address: Address,
        headers: Mapping[str, str] = _NOTHING,
        body: bytes | None = None,
        *,
        seconds: float,
    ) -> Answer:
        """POST, once."""
        with Limit(seconds) as limit:
            return self._request("POST", address, headers, body, limit)

    def put(
        self, address: Address, headers: Mapping[str, str], body: bytes, *, seconds: float
    ) -> Answer:
        """PUT."""
        with Limit(seconds) as limit:
            return self._request("PUT", address, headers, body, limit)

    def _request(
        self,
        method: str,
        address: Address,
        headers: Mapping[str, str],
        body: bytes | None,
        limit: Limit,
    ) -> Answer:
        kept = self._open.pop(address.origin, None)
        if kept is not None and _is_readable(kept.sock):  # closed by the other side
            kept.close()
            kept = None
        connection = kept or self._connect(address, limit)
        sent = {
            "Host": address.authority,
            "User-Agent": f"maint/{__version__}",
            "Accept": "application/json",
            **headers,
        }
        try:
            limit.hold(connection.sock)
            connection.request(method, address.target, body, sent)
            response = connection.getresponse()
            answer = _read(response, limit)
        except (OSError, HTTPException) as error:
            connection.close()
            if kept and method != "POST" and not limit.is_over and _is_gone(error):
                # The server closed it meanwhile. Sending again is safe, except for a POST.
                return self._request(method, address, headers, body, limit)
            raise _no_answer(method, address, error, limit) from None
        except BaseException:
            connection.close()
            raise
        if answer.status < 200 or response.will_close or not response.isclosed():
            connection.close()
        else:
            self._open[address.origin] = connection
        return answer

    def _connect(self, address: Address, limit: Limit) -> HTTPConnection:
        try:
            opened = self._connected(address, limit)
        except ssl.SSLCertVerificationError as error:
            raise Untrusted(
                f"{address} has no certificate to be trusted, so nothing was sent:"
                f" {error.verify_message}."
            ) from None
        except (OSError, UnicodeError) as error:
            reason = f"it took more than {limit}" if limit.is_over else _why(error)
            raise Unsent(f"{address} cannot be reached, and nothing was sent: {reason}.") from None
        connection = HTTPConnection(address.host, address.port)
        connection.sock = opened
        connection.auto_open = 0  # else it would reconnect by name, past the pinned address
        connection.response_class = _Final
        return connection

    def _connected(self, address: Address, limit: Limit) -> socket.socket:
        place = (address.host, address.port)
        if place not in self._resolved:
            self._resolved[place] = resolve(*place, limit)
        ips = self._resolved[place]
        refused = next((ip for ip in ips if self._public_only and not is_public(ip)), None)
        if refused:
            raise Refused(
                f"{address} leads to {refused}, which is not a public address, so nothing was sent."
            )
        opened = connect(ips, address.port, limit)
        try:
            limit.hold(opened)
            if address.scheme == "https":
                # Made once: it reads the certificates of the system, which takes 20 ms.
                self._tls = self._tls or ssl.create_default_context()
                opened = self._tls.wrap_socket(opened, server_hostname=address.host)
        except BaseException:
            opened.close()
            raise
        return opened


class _Final(HTTPResponse):
    """Skips 102, 103 and other interim answers; the library itself skips only 100."""

    def begin(self) -> None:
        """Read up to the headers of the answer."""
        self._begin()
        while self.status < 200 and self.status != HTTPStatus.SWITCHING_PROTOCOLS:
            vars(self)["headers"] = None  # else its headers would be those of the answer
            self._begin()

    def _begin(self) -> None:
        file = self.fp
        vars(self)["fp"] = head = _Head(file)
        try:
            super().begin()
        finally:
            if vars(self)["fp"] is head:
                self.fp = file


class _Head:
    """The lines before a body; without this the library accepts a head that was cut off."""

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self._has_begun = False
        self.close = file.close

    def readline(self, limit: int) -> bytes:
        """One line; raises IncompleteRead where it, or what must follow, is not there."""
        line = self._file.readline(limit)
        has_end = line.endswith(b"\n") or len(line) == limit
        if not has_end and (line or self._has_begun):
            raise IncompleteRead(line)
        self._has_begun = True
        return line


def _is_readable(connection: socket.socket) -> bool:
    """Whether there is input although nothing was asked: the end, or something unexpected."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def _read(response: HTTPResponse, limit: Limit) -> Answer:
    """The answer; what is wrong with the body counts where the status says that all is well."""
    headers = {name.lower(): value for name, value in response.getheaders()}
    body, is_whole = b"", True
    try:
        # Until nothing comes: only then is it known whether all came that was announced.
        while len(body) <= MOST_BYTES and (piece := response.read(MOST_BYTES + 1 - len(body))):
            body += piece
        if limit.is_over or (len(body) <= MOST_BYTES and response.length):
            raise IncompleteRead(body)
    except (OSError, HTTPException):
        if 200 <= response.status < 300:
            raise
        is_whole = False
    is_whole = is_whole and len(body) <= MOST_BYTES
    return Answer(response.status, headers, body[:MOST_BYTES], is_whole)


def _target(address: Address, answer: Answer) -> Address | None:
    """Where an answer leads to, if it may be followed."""
    if answer.status not in _REDIRECTS or "location" not in answer.headers:
        return None
    try:
        target = read(urljoin(address.url, answer.headers["location"]))
    except ValueError:
        return None
    return None if address.scheme == "https" and target.scheme == "http" else target


def _is_gone(error: Exception) -> bool:
    return isinstance(error, Disconnected | ConnectionError)


def _no_answer(method: str, address: Address, error: Exception, limit: Limit) -> Unreachable:
    is_late = limit.is_over or isinstance(error, TimeoutError)
    reason = f"it had not all come within {limit}" if is_late else _why(error)
    again = " What was sent may have arrived, so it is not sent again." if method == "POST" else ""
    return Unreachable(f"{address} gave no answer: {reason}.{again}")


def _why(error: Exception) -> str:
    """A clause of our own: the libraries' texts repeat what was sent."""
    if isinstance(error, socket.gaierror | UnicodeError):
        return "its name is not known"
    if isinstance(error, TimeoutError):
        return f"it did not answer within {CONNECT_SECONDS:.0f} s"
    if isinstance(error, Disconnected):
        return "the connection was closed before it came"
    if isinstance(error, ssl.SSLError):
        return "the encrypted connection failed"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "the answer was not HTTP, or was incomplete"
