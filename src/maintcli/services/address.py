"""Where something is sent over HTTP."""

from ipaddress import ip_address
from typing import Final, NamedTuple
from urllib.parse import SplitResult, quote, urlsplit

_PORTS: Final = {"http": 80, "https": 443}
_KEPT: Final = "!#$%&'()*+,/:;=?@[]~"  # what a target may hold as it stands


class Address(NamedTuple):
    """The parts of a URL. As text it goes without its query, which may hold a secret."""

    scheme: str
    host: str
    port: int
    path: str
    query: str = ""

    @property
    def target(self) -> str:
        """What stands in the first line of a request."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def is_private(self) -> bool:
        """Whether nobody on the way can read what is sent: it is encrypted, or goes nowhere."""
        return self.scheme == "https" or _is_loopback(self.host)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}{'?…' if self.query else ''}"


def read(text: str) -> Address:
    """Read a URL. Raises ValueError with a clause that does not repeat it."""
    if not text.isprintable() or " " in text:
        raise ValueError("it holds a blank or a character that no URL has; write %20 for a blank")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("it is no URL; write e.g. https://backend.example.com/path") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("it is no http:// or https:// URL; write e.g. https://backend.example.com")
    if parts.username is not None or parts.password is not None:
        raise ValueError("it holds a user or a password; leave them out, and use auth")
    return Address(
        scheme=parts.scheme,
        host=_host(parts),
        port=_PORTS[parts.scheme] if port is None else port,
        path=quote(parts.path or "/", safe=_KEPT),
        query=quote(parts.query, safe=_KEPT),
    )


def _host(parts: SplitResult) -> str:
    try:
        return (parts.hostname or "").encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError("its host is no name; write e.g. https://backend.example.com") from None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
