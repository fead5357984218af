"""Passwords in maint.toml: a ConfigMap would show them to all who may read the namespace."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from typing import Final, cast
from urllib.parse import parse_qsl, urlsplit

from maintcli.config.messages import bare
from maintcli.db.url import parse
from maintcli.errors import ConfigError

_VARIABLE: Final = re.compile(r"(?<!\$)\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}")
_SECRET: Final = re.compile(
    r"(?i)passw|secret|token|api[-_]?key|access[-_]?key|credential|signature"
)
_DATABASE: Final = ("password", "sslpassword", "oauth_client_secret")
_IN_QUERY: Final = {"code", "key", "sig"}  # of addresses that are secret themselves
_ELSEWHERE: Final = ("env:", "file:")
# For what is no URL that we know, or a comment.
_IN_URL: Final = re.compile(r"://[^\s/@\"']*:[^@\"']+@")
_ASSIGNED: Final = re.compile(
    r"(?i)\b\w*(?:passw(?:or)?d|token|(?:secret_access|api)_key|secret(?!\s*=\s*[\"']))"
    r"\s*=\s*(?![\"']?(?:env:|file:|&)|\"\"|'')\S"
)
_NAMES: Final = {("schedule", "secret")}  # it is the name of a Secret
_CONDITION: Final = "where"
_COLUMNS: Final = "tables"  # what stands there are names of columns


def refuse_passwords(text: str) -> None:
    """Raise ConfigError for the first value, or comment, of maint.toml that holds a password."""
    for path, value in _values(tomllib.loads(text)):
        if path[0] != _COLUMNS and path not in _NAMES and _holds(path[-1], value):
            header = f"[{'.'.join(map(bare, path[:-1]))}] " if path[1:] else ""
            raise _refused(f"maint.toml {header}{bare(path[-1])}")
    for number, line in enumerate(text.splitlines(), start=1):
        _, hash_, comment = line.partition("#")
        plain = _filled(comment, "")
        if hash_ and (_IN_URL.search(plain) or _ASSIGNED.search(plain)):
            raise _refused(f"Line {number} of maint.toml, in a comment,")


def _refused(place: str) -> ConfigError:
    return ConfigError(
        f"{place} holds a password, and all who may read the ConfigMap would see it."
        ' Take it from the environment: url = "${DATABASE_URL}".'
    )


def _values(node: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text below `node`, with the keys that lead to it."""
    if isinstance(node, dict):
        for key, value in cast("dict[str, object]", node).items():
            yield from _values(value, (*path, key))
    elif isinstance(node, list):
        for value in cast("list[object]", node):
            yield from _values(value, path)
    elif isinstance(node, str):
        yield path, node


def _holds(key: str, text: str) -> bool:
    if any(_SECRET.search(name) and default for name, default in _VARIABLE.findall(text)):
        return True
    if text.strip().startswith(_ELSEWHERE):
        return False
    if _SECRET.search(key) and _VARIABLE.sub("", text).strip():
        return True
    if key == _CONDITION:
        return _IN_URL.search(_filled(text, "")) is not None
    # Twice, with other characters for what is filled in later: a password of these is none.
    ones, twos = (_passwords(_filled(text, mark)) for mark in "12")
    if ones is None or twos is None:
        plain = _filled(text, "")
        return bool(_IN_URL.search(plain) or _ASSIGNED.search(plain))
    return any(set(one) != {"1"} or set(two) != {"2"} for one, two in zip(ones, twos, strict=True))


def _filled(text: str, mark: str) -> str:
    """`text` with its defaults, and `mark` for each variable that has none."""
    return _VARIABLE.sub(lambda found: found[2] or mark, text)


def _passwords(text: str) -> list[str] | None:
    """Those of a URL, as the program that reads it understands it; None for what is no URL."""
    if text.startswith(("http://", "https://")):
        return [*_of_address(text)]
    try:
        found = parse(text, "maint.toml")
    except ConfigError:
        return None
    return [found[key] for key in _DATABASE if key in found]


def _of_address(text: str) -> Iterable[str]:
    try:
        parts = urlsplit(text)
        login = (parts.username, parts.password)
    except ValueError:
        return
    yield from filter(None, login)
    for key, value in parse_qsl(parts.query):
        if _SECRET.search(key) or key in _IN_QUERY:
            yield value
