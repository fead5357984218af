"""Files of a project, held against what would be rendered now."""

from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest

from maintcli.config.say import quote
from maintcli.errors import ConfigError
from maintcli.schedules.check.entries import compare
from maintcli.schedules.check.finding import Finding, Kind
from maintcli.schedules.entry import Found

Parse = Callable[[Mapping[str, str]], list[Found]]


def check(
    parse: Parse, rendered: Mapping[str, str], there: Mapping[str, str], gone: Mapping[str, str]
) -> Iterator[Finding]:
    """`there` are the files by their paths, `gone` those of entries that are rendered no longer."""
    for path, text in rendered.items():
        if path not in there:
            yield Finding(Kind.MISSING, path, "the file is not there")
        elif there[path] != text:
            yield from _otherwise(parse, path, text, there[path])
    for path in gone:
        yield Finding(Kind.FOREIGN, path, "its entry is gone; maint schedule render removes it")


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
    number, (one, other) = next(
        ((n, pair) for n, pair in lines if pair[0] != pair[1]), (0, ("",) * 2)
    )
    if one is None:
        return f"line {number} is {_line(other)}, and would not be there"
    if other is None:
        return f"it ends before line {number}, which would be {_line(one)}"
    if number == 0:
        return "its line ends are otherwise"
    return f"line {number} is {_line(other)}, and would be {_line(one)}"


def _line(text: str | None) -> str:
    return quote((text or "").strip())
