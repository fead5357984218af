"""Where something is sent over HTTP."""

from ipaddress import IPv4Address, ip_address, ip_network
from typing import Final, NamedTuple
from urllib.parse import SplitResult, quote, urlsplit

_PORTS: Final = {"http": 80, "https": 443}
_NAT64: Final = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
_KEPT: Final = "!#$%&'()*+,/:;=?@[]~"  # characters that are not escaped


class Address(NamedTuple):
    """The parts of a URL. As text it goes without path and query, which may hold a token."""

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
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: requests with the same ones may share a connection."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """The host, and the port unless it is the usual one; a request's header Host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole of it: not to be shown."""
        return f"{self.scheme}://{self.authority}{self.target}"

    @property
    def is_confidential(self) -> bool:
        """Whether no other machine can read what is sent: it is encrypted, or stays here."""
        return self.scheme == "https" or _is_loopback(self.host)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}/{'…' if self.target != '/' else ''}"

    def __repr__(self) -> str:
        return f"Address({self})"


def read(text: str) -> Address:
    """Read a URL. Raises ValueError with a clause that does not repeat it."""
    if not text.isprintable() or " " in text:
        raise ValueError("it holds a blank or a character that no URL has; write %20 for a blank")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("it is not a URL; write e.g. https://backend.example.com/path") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(
            "it is not an http:// or https:// URL; write e.g. https://backend.example.com"
        )
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
        raise ValueError(
            "its host is not a valid name; write e.g. https://backend.example.com"
        ) from None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_public(ip: str) -> bool:
    """Whether an IP address is one of the public internet.

    False for this machine, private networks and those of carriers, and for addresses of IPv6 that
    embed one of IPv4: where they lead depends on the network.
    """
    found = ip_address(ip.partition("%")[0])
    if isinstance(found, IPv4Address):
        return found.is_global and not found.is_multicast
    stands_for_another = (
        found.ipv4_mapped or found.sixtofour or found.teredo or any(found in net for net in _NAT64)
    )
    is_plain = not (found.is_multicast or found.is_site_local or stands_for_another)
    return found.is_global and is_plain
