"""A database URL into connection parameters, parsed by us.

libpq's own parser prints the whole URL, password included, when it does not like it; here the
password never reaches a message. SQLAlchemy's spellings (`postgresql+asyncpg://`) are understood.
"""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from urllib.parse import SplitResult, unquote, urlsplit

from maintcli.errors import ConfigError

_SCHEMES = ("postgresql", "postgres")
_ENCODED = (
    "write postgresql://USER:PASSWORD@HOST:PORT/NAME, and in the password"
    " %23 for #, %2F for /, %3F for ?, %40 for @, %5B for ["
)
_Bad = Callable[[str], ConfigError]
_DRIVERS = ("asyncpg", "psycopg", "psycopg2", "pg8000", "psycopg_async", "psycopg2cffi")


def parse(url: str, origin: str) -> Mapping[str, str]:
    """Return psycopg's keyword parameters for `url`; `origin` says in errors where it stands.

    Raises ConfigError.
    """

    def bad(reason: str) -> ConfigError:
        return ConfigError(f"The database URL from {origin} is not usable: {reason}.")

    scheme, colon, _ = url.partition("://")
    if not colon:
        return _keywords(url, bad)
    _check_scheme(scheme, bad)
    if any(c.isspace() for c in url):
        raise bad("it holds white space; write %20 for a space in the user, password or name")
    try:
        parts = urlsplit(url)
        hosts, ports = _hosts(parts.netloc.rpartition("@")[2])
    except ValueError:
        raise bad(f"its host and port cannot be read; {_ENCODED}") from None
    if _is_cut(parts):
        raise bad(f"its password ends at a / or ?; {_ENCODED}")
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    found = {
        "host": hosts,
        "port": ports,
        "user": _decoded(user, "user", bad),
        "password": _decoded(password, "password", bad),
        "dbname": _decoded(parts.path.removeprefix("/"), "database name", bad),
    }
    if parts.fragment:
        raise bad("it holds a #; write %23 for a # in the password")
    found |= _query(parts.query, bad)
    return {key: value for key, value in found.items() if value}


def _is_cut(parts: SplitResult) -> bool:
    """Whether what looks like the end of the host is a character of the password."""
    rest = parts.path + parts.query.partition("=")[0]
    no_login = ":" in parts.netloc and "@" not in parts.netloc
    return "@" in rest and (no_login or "/" in parts.path[1:])


def _check_scheme(scheme: str, bad: _Bad) -> None:
    base, plus, driver = scheme.partition("+")
    if base in _SCHEMES and (not plus or driver in _DRIVERS):
        return
    if base in _SCHEMES:
        raise bad(f"{scheme}:// names a driver that is not known; write {base}://")
    close = get_close_matches(base, _SCHEMES, n=1, cutoff=0.6)
    hint = f"did you mean {close[0]}://" if close else "it must begin with postgresql://"
    # A long or odd "scheme" may be a password that lost its beginning: not repeated.
    shown = f"{scheme}:// is not PostgreSQL; " if scheme.isalpha() and len(scheme) < 20 else ""
    raise bad(shown + hint)


def _hosts(text: str) -> tuple[str, str]:
    hosts: list[str] = []
    ports: list[str] = []
    for part in text.split(","):
        if part.startswith("["):
            host, _, rest = part[1:].partition("]")
            port = rest.removeprefix(":")
        else:
            host, _, port = part.partition(":")
        if port and not 0 < int(port) < 65536:
            raise ValueError
        hosts.append(unquote(host))
        ports.append(port)
    return ",".join(hosts), ",".join(ports) if any(ports) else ""


def _decoded(text: str, what: str, bad: _Bad) -> str:
    pieces = text.split("%")[1:]
    if any(len(p) < 2 or not all(c in "0123456789abcdefABCDEF" for c in p[:2]) for p in pieces):
        raise bad(f"a % in its {what} is not followed by two hex digits; write %25 for a plain %")
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise bad(f"its {what} is not UTF-8 once its %XX are decoded") from None


def _query(query: str, bad: _Bad) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in filter(None, query.split("&")):
        key, equals, value = pair.partition("=")
        if not equals:
            raise bad("a parameter after ? has no =; write key=value&key=value")
        # SQLAlchemy's asyncpg spelling of libpq's sslmode.
        key = "sslmode" if key == "ssl" else _decoded(key, "parameters", bad)
        found[key] = _decoded(value, "parameters", bad)
    _check_keys(found, bad)
    return found


def _keywords(text: str, bad: _Bad) -> Mapping[str, str]:
    """Libpq's `key=value` form, read by libpq but with its error replaced."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    if "=" not in text:
        raise bad("it is not a URL; write postgresql://USER:PASSWORD@HOST/NAME")
    try:
        return {k: str(v) for k, v in conninfo_to_dict(text).items() if v}
    except ProgrammingError:
        raise bad("it is neither a URL nor a list of key=value as libpq reads it") from None


def _check_keys(found: Mapping[str, str], bad: _Bad) -> None:
    from psycopg.pq import Conninfo

    known = [option.keyword.decode() for option in Conninfo.get_defaults()]
    for key in found:
        if key not in known:
            close = get_close_matches(key, known, n=1)
            raise bad(
                "it has an unknown parameter" + (f"; did you mean {close[0]}" if close else "")
            )
