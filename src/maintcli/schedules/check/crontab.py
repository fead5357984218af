"""Crontabs as they are in force."""

from collections.abc import Iterator, Mapping
from itertools import zip_longest

from maintcli.config.say import quote
from maintcli.schedules.check.entries import compare
from maintcli.schedules.check.finding import Finding, Kind
from maintcli.schedules.entry import Found, Settings
from maintcli.schedules.targets.crontab import parse


def check(
    rendered: Mapping[str, str], texts: Mapping[str, str], settings: Settings
) -> Iterator[Finding]:
    """`texts` are what `crontab -l` prints, and files of /etc/cron.d."""
    yield from compare(parse(rendered), parse(texts, settings.zone))
    there = _lines(texts)
    for one, line in _lines(rendered).items():
        if one in there and there[one] != line:
            yield Finding(Kind.STALE, one.key, _difference(line, there[one]))


def _lines(texts: Mapping[str, str]) -> dict[Found, list[str]]:
    """The words of each line by what it starts, whatever its entry is called."""
    lines = (line for text in texts.values() for line in text.splitlines() if line[:1] != "#")
    return {found: line.split() for line in lines for found in parse({"": line})}


def _difference(line: list[str], there: list[str]) -> str:
    """The command, the user, the file of variables: what is no part of an entry."""
    pairs = zip_longest(line, there, fillvalue="nothing")
    one, other = next(pair for pair in pairs if pair[0] != pair[1])
    return f"in its line {quote(other)} stands where {quote(one)} would be rendered"
