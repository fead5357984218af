"""What differs from the declaration; and files of a project, compared as text."""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import takewhile, zip_longest
from typing import Final, NamedTuple

from maintcli.config.messages import MASK, shown
from maintcli.schedules.targets.text import split

_LONG: Final = 40
_BEFORE: Final = 16
# A URL with a user, or a conninfo. In a file there is many another line with a colon and an @.
_SECRET: Final = re.compile(r"://[^/\s]*:\S*@|://[^/\s]*@|password\s*=", re.IGNORECASE)


class Kind(StrEnum):
    """How it differs; the last two are only reported, and are not drift."""

    MISSING = "missing"
    CHANGED = "changed"
    FOREIGN = "foreign"
    STALE = "stale"
    OFF = "off"
    NEVER_RAN = "never ran"
    LATE = "late"
    TWO_SCHEDULERS = "two schedulers"
    PAUSED = "paused"
    NOTED = "noted"

    @property
    def is_drift(self) -> bool:
        """Whether it makes the check fail."""
        return self not in {Kind.PAUSED, Kind.NOTED}


class Finding(NamedTuple):
    """One thing: `key` is the entry, the job or the file it is about, `what` a clause."""

    kind: Kind
    key: str
    what: str


def compare(
    rendered: Mapping[str, str], there: Mapping[str, str], gone: Mapping[str, str]
) -> Iterator[Finding]:
    """`there` are the files by their paths, `gone` those of entries that are rendered no longer."""
    own = {path: split(text)[0] for path, text in there.items()}
    for path, text in rendered.items():
        if path not in own:
            yield Finding(Kind.MISSING, path, "the file is not there")
        elif own[path] != text:
            yield Finding(Kind.STALE, path, difference(text, own[path]))
    for path in gone:
        yield Finding(
            Kind.FOREIGN, path, "its entry is gone; maint schedule render --write removes it"
        )


def difference(text: str, there: str) -> str:
    """The first line in which `there` differs from `text`, in words."""
    lines = enumerate(zip_longest(text.splitlines(), there.splitlines()), start=1)
    for number, (one, other) in lines:
        if one is None:
            return f"line {number} is {_quoted(other)}, and would not be there"
        if other is None:
            return f"it ends before line {number}, which would be {_quoted(one)}"
        if one != other:
            return f"line {number} is {unlike(other, one)}"
    return "only its line ends differ"


def unlike(there: str, text: str) -> str:
    """Two lines that differ, in words; of a long one the part where they do."""
    return f"{_from(text, there)}, and would be {_from(there, text)}"


def _from(other: str, text: str) -> str:
    """`text`, or the part from shortly before where it differs from `other` in a long one."""
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(other, text, strict=False))
    same = sum(1 for _ in pairs)
    begin = max(0, same - _BEFORE) if len(text) > _LONG else 0
    return _quoted(text, begin)


def _quoted(line: str, begin: int = 0) -> str:
    if _SECRET.search(line):  # asked of the whole line, of which a part may look harmless
        return MASK
    return shown(f"…{line[begin:].lstrip()}" if begin else line.strip())
