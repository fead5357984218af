"""The syntax of systemd's unit files: what a value may hold, and how it is escaped."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

_PLAIN: Final = re.compile(r"[\w@+=:,./-]+", re.ASCII)
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
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
