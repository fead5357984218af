"""Entries that a scheduler has, held against those that it should have."""

import shlex
from collections.abc import Callable, Iterator, Sequence

from maintcli.schedules.check.finding import Finding, Kind
from maintcli.schedules.entry import Found
from maintcli.schedules.fields import normal


def compare(declared: Sequence[Found], there: Sequence[Found]) -> Iterator[Finding]:
    """Both as the same parser reads them. What lost its name, as entries do where somebody took
    the comments away, is known by what it does.
    """
    rest = [_plain(found) for found in there]
    left = [one for one in map(_plain, declared) if not _take(rest, one.__eq__)]
    unnamed = [one for one in left if not _take(rest, _like(one))]
    for one in unnamed:
        other = _take(rest, _called(one.key))
        if other is None:
            yield Finding(Kind.MISSING, one.key, f"{_said(one)} is not there")
        else:
            yield Finding(Kind.CHANGED, one.key, _difference(one, other))
    known = {one.key for one in declared}
    for other in rest:
        more = "once more" if other.key in known else "declared nowhere"
        yield Finding(Kind.FOREIGN, other.key, f"{_said(other)} is there and {more}")


def _plain(found: Found) -> Found:
    """With its expressions in one spelling and order."""
    return found._replace(expressions=tuple(sorted(map(_normal, found.expressions))))


def _normal(expression: str) -> str:
    try:
        return normal(expression)
    except ValueError:  # of other hands, and no cron expression
        return expression


def _take(rest: list[Found], fits: Callable[[Found], bool]) -> Found | None:
    """The first of `rest` that fits, taken out."""
    for number, found in enumerate(rest):
        if fits(found):
            return rest.pop(number)
    return None


def _like(one: Found) -> Callable[[Found], bool]:
    """Whether another has all but the name; the name of a job is what is left without one."""
    return lambda found: found.key == found.job and found._replace(key=one.key) == one


def _called(key: str) -> Callable[[Found], bool]:
    return lambda found: found.key == key


def _said(found: Found) -> str:
    times = ", ".join(found.expressions) or "no time"
    zone = "" if found.zone == "UTC" else f" {found.zone}"
    return f"{shlex.join(('maint', found.job, *found.options))} at {times}{zone}"


def _difference(one: Found, other: Found) -> str:
    return f"there it is {_said(other)}; declared is {_said(one)}"
