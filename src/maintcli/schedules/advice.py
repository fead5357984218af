"""What is allowed in a schedule, and had better be otherwise."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations
from typing import Final, NamedTuple

from maintcli.schedules import shift
from maintcli.schedules.entry import Entry
from maintcli.schedules.fields import HOURS, MINUTES, Fields, fields, normal
from maintcli.schedules.starts import least_gap, starts

_UTC: Final = "UTC"
_CROWDED: Final = {0, 30}
_CHANGING_HOURS: Final = {1, 2}
_OFTEN_MINUTES: Final = 15
_STEPS: Final = (2, 3, 4, 5, 6, 10, 12, 15, 20, 30)


class Advice(NamedTuple):
    """`kind` is for programs; `keys` are the entries it is about, none where it is about all.

    `what` and `instead` are clauses: what may go wrong, and what would be better.
    """

    kind: str
    keys: tuple[str, ...]
    what: str
    instead: str

    def __str__(self) -> str:
        said = f"{self.what}; {self.instead}."
        return f"{', '.join(self.keys)}: {said}" if self.keys else said[:1].upper() + said[1:]


def advise(entries: Sequence[Entry], target: str | None = None) -> tuple[Advice, ...]:
    """All advice on `entries`, and what is special to `target` (only github has such)."""
    rules = (_crowded, _changing, _too_often, _together)
    found = [one for rule in rules for one in rule(entries)]
    return (*found, *_github(entries)) if target == "github" and entries else tuple(found)


def _crowded(entries: Sequence[Entry]) -> Iterator[Advice]:
    """One for all: most people's schedules are like that, and the same line ten times is none."""
    crowded = [(entry, one) for entry in entries for one in _with(entry, _is_crowded)]
    if crowded:
        keys = dict.fromkeys(entry.key for entry, _ in crowded)
        what = "at the minutes 0 and 30 everybody's jobs start, on the same servers"
        instead = f'write H for the minute, as in "{_hashed(crowded[0][1])}"'
        yield Advice("crowded", tuple(keys), what, instead)


def _is_crowded(found: Fields) -> bool:
    return bool(found.minutes & _CROWDED) and found.minutes != frozenset(MINUTES)


def _hashed(expression: str) -> str:
    """With H for the minute, which takes one that depends on the entry's name."""
    minute, *rest = normal(expression).split()
    found = fields(expression)
    count = len(found.minutes) if found else 1
    step = 60 // count
    even = found and step in _STEPS and found.minutes == frozenset(range(0, 60, step))
    return " ".join([f"H/{step}" if even else "H", *rest]) if minute else expression


def _changing(entries: Sequence[Entry]) -> Iterator[Advice]:
    for entry in entries:
        if shift.difference(entry.zone, _UTC) is None and any(_with(entry, _is_in_the_change)):
            what = (
                f"in the nights when the clocks of {entry.zone} change, the hours from 01:00 to"
                " 03:00 come twice or not at all, and schedulers differ in what they do then"
            )
            instead = 'take another hour, or timezone = "UTC"'
            yield Advice("clock-change", (entry.key,), what, instead)


def _is_in_the_change(found: Fields) -> bool:
    return bool(found.hours & _CHANGING_HOURS) and found.hours != frozenset(HOURS)


def _too_often(entries: Sequence[Entry]) -> Iterator[Advice]:
    for entry in entries:
        gap = least_gap(entry)
        if gap is not None and gap * 60 < entry.timeout_seconds:
            what = (
                f"it may run for {_span(entry.timeout_seconds / 60)} and is due after"
                f" {_span(gap)}; what comes while it runs is skipped"
            )
            instead = "give it a shorter timeout or --max-seconds, or start it less often"
            yield Advice("period-below-timeout", (entry.key,), what, instead)


def _together(entries: Sequence[Entry]) -> Iterator[Advice]:
    """One for each group of sweeps in which each may meet another."""
    heavy = [entry for entry in entries if entry.heavy]
    times = {entry.key: starts(entry) for entry in heavy}
    groups: list[set[str]] = []
    for one, other in combinations(heavy, 2):
        if _meet(one, times[one.key], other, times[other.key]):
            met = [group for group in groups if group & {one.key, other.key}]
            groups = [group for group in groups if group not in met]
            groups.append({one.key, other.key}.union(*met))
    for group in groups:
        keys = tuple(entry.key for entry in heavy if entry.key in group)
        what = "these sweeps may be at work at the same time, and each rests only from its own work"
        yield Advice("overlap", keys, what, "start them as far apart as their timeouts are long")


def _meet(one: Entry, begins: Sequence[int], other: Entry, others: Sequence[int]) -> bool:
    """Whether the one may still be running when the other starts, or the other way round."""
    events = sorted([(at, 0) for at in begins] + [(at, 1) for at in others])
    until = [float("-inf"), float("-inf")]
    spans = (one.timeout_seconds / 60, other.timeout_seconds / 60)
    for at, which in events:
        until[which] = at + spans[which]
        if at < until[1 - which]:
            return True
    return False


def _github(entries: Sequence[Entry]) -> Iterator[Advice]:
    yield Advice(
        "github-60-days",
        (),
        "GitHub ends the schedules of a public repository that had no commit for 60 days",
        "let something else ask maint readyz --strict whether they still come",
    )
    often = [entry.key for entry in entries if _is_often(entry)]
    if often:
        what = "GitHub starts schedules late at busy times, above all on the hour, or not at all"
        instead = "take a minute that is not 0, and another scheduler for what cannot wait"
        yield Advice("github-delay", tuple(often), what, instead)


def _is_often(entry: Entry) -> bool:
    gap = least_gap(entry)
    on_the_hour = any(_with(entry, lambda found: 0 in found.minutes))
    return on_the_hour or (gap is not None and gap < _OFTEN_MINUTES)


def _with(entry: Entry, holds: Callable[[Fields], bool]) -> Iterable[str]:
    """The entry's expressions for which `holds`."""
    for expression in entry.expressions:
        found = fields(expression)
        if found is not None and holds(found):
            yield expression


def _span(minutes: float) -> str:
    if minutes >= 120 and minutes % 60 == 0:
        return f"{minutes / 60:g} hours"
    return f"{minutes:g} minute{'' if minutes == 1 else 's'}"
