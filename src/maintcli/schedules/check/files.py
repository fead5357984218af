"""Files of a project, held against what would be rendered now."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import takewhile, zip_longest
from typing import Final

from maintcli.config.say import MASK, shown
from maintcli.errors import ConfigError
from maintcli.schedules.check.entries import compare
from maintcli.schedules.check.finding import Finding, Kind
from maintcli.schedules.entry import Found
from maintcli.schedules.targets.header import split

_LONG: Final = 40
_BEFORE: Final = 16
# A URL with a user, or a conninfo. In a file there is many another line with a colon and an @.
_SECRET: Final = re.compile(r"://[^/\s]*:\S*@|://[^/\s]*@|password\s*=", re.IGNORECASE)

Parse = Callable[[Mapping[str, str]], list[Found]]


def check(
    parse: Parse, rendered: Mapping[str, str], there: Mapping[str, str], gone: Mapping[str, str]
) -> Iterator[Finding]:
    """`there` are the files by their paths, `gone` those of entries that are rendered no longer."""
    own = {path: split(text)[0] for path, text in there.items()}
    for path, text in rendered.items():
        if path not in own:
            yield Finding(Kind.MISSING, path, "the file is not there")
        elif own[path] != text:
            yield from _otherwise(parse, path, text, own[path])
    for path in gone:
        yield Finding(
            Kind.FOREIGN, path, "its entry is gone; maint schedule render --write removes it"
        )


def _otherwise(parse: Parse, path: str, text: str, there: str) -> Iterator[Finding]:
    """Which entries differ; where none does, the file has another image, timeout or the like."""
    try:
        found = [*compare(parse({path: text}), parse({path: there}))]
    except (ConfigError, ValueError) as error:
        found = [Finding(Kind.CHANGED, path, f"it cannot be read: {error}".rstrip("."))]
    yield from found or [Finding(Kind.STALE, path, difference(text, there))]


def difference(text: str, there: str) -> str:
    """The first line of `text` that is otherwise in what is there."""
    lines = enumerate(zip_longest(text.splitlines(), there.splitlines()), start=1)
    for number, (one, other) in lines:
        if one is None:
            return f"line {number} is {_quoted(other)}, and would not be there"
        if other is None:
            return f"it ends before line {number}, which would be {_quoted(one)}"
        if one != other:
            return f"line {number} is {_from(one, other)}, and would be {_from(other, one)}"
    return "its line ends are otherwise"


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
