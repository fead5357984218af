"""The syntax of systemd's unit files: what is escaped, and how it is read back."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Final

from maintcli.schedules.cron import times

_PLAIN: Final = re.compile(r"[\w@+=:,./-]+", re.ASCII)
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_READ: Final = {"n": "\n", "r": "\r", "t": "\t"}
_WORD: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_ESCAPED: Final = re.compile(r"\\x([0-9a-f]{2})|\\(.)")
_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_DAY: Final = 86400
_HOMES: Final = ("/home", "/root", "/run/user")


def is_below_home(path: str) -> bool:
    """Whether ProtectHome=yes hides `path`."""
    return any(PurePosixPath(path).is_relative_to(home) for home in _HOMES)


def plain(text: str) -> str:
    """A value on one line, without what is not printable, and with nothing to fill in."""
    line = " ".join(text.split()).replace("%", "%%")
    return "".join(c if c.isprintable() else "?" for c in line)


def can_say(word: str) -> bool:
    """Whether a unit may hold `word`: one with a noncharacter of Unicode is no UTF-8 to systemd."""
    return not any(c == "\0" or _is_noncharacter(ord(c)) for c in word)


def _is_noncharacter(code: int) -> bool:
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF


def command(words: Sequence[str]) -> str:
    """A command line for ExecStart=, where `%` and `$` have a meaning."""
    return " ".join(quoted(word).replace("$", "$$") for word in words)


def quoted(word: str) -> str:
    """A word of a value that is split at blanks, and where `%` has a meaning."""
    if _PLAIN.fullmatch(word):
        return word
    text = "".join(_ESCAPES.get(c, f"\\x{ord(c):02x}" if ord(c) < 32 else c) for c in word)
    return '"' + text.replace("%", "%%") + '"'


def words(line: str) -> list[str]:
    """The words of a command line that `command` has written."""
    return [_unquoted(quoted or bare) for quoted, bare in _WORD.findall(line)]


def _unquoted(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        if match[1]:
            return chr(int(match[1], 16))
        return _READ.get(match[2], match[2])

    return _ESCAPED.sub(one, text.replace("%%", "%").replace("$$", "$"))


def values(text: str, key: str) -> tuple[str, ...]:
    """Every value of `key`; an empty one takes back those before it."""
    found: list[str] = []
    for line in text.split("\n"):
        name, equals, value = line.partition("=")
        if equals and name.strip() == key:
            found = [*found, value.strip()] if value.strip() else []
    return tuple(found)


def shortest_gap(expressions: Sequence[str]) -> int:
    """Seconds between the two nearest times of the first hundred; a day where there is one."""
    moments = sorted({time for one in expressions for time in times(one, "UTC", _START, 100)})
    gaps = [int((b - a).total_seconds()) for a, b in pairwise(moments)]
    return min([*gaps, _DAY])
