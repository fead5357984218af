"""Advice: what is allowed in a schedule, but could be better."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from maintcli.schedules import zones
from maintcli.schedules.due import least_gap, starts
from maintcli.schedules.fields import HOURS, MINUTES, Fields, fields, normal
from maintcli.schedules.model import Entry
from maintcli.schedules.shorthand import CROWDED
from maintcli.words import some

_UTC: Final = "UTC"
_CHANGING_HOURS: Final = {1, 2}
_OFTEN_MINUTES: Final = 15
_MOST_NAMES: Final = 3
_DAY: Final = 1440
_MINUTES: Final = 33 * _DAY  # a month, and a day on either side for the zones
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
        return f"{_named(self.keys)}: {said}" if self.keys else said[:1].upper() + said[1:]


def _named(keys: Sequence[str]) -> str:
    # The last name is no longer than "and 1 more".
    return some(keys, len(keys) if len(keys) == _MOST_NAMES + 1 else _MOST_NAMES)


def advise(entries: Sequence[Entry], target: str | None = None) -> tuple[Advice, ...]:
    """All advice on `entries`, and that for `target` alone (github has some).

    One line for each kind of advice, whatever the number of entries.
    """
    last = _github if target == "github" else _crowded
    rules = (_changing, _too_often, _together, last)
    return tuple(one for rule in rules for one in rule(entries))


def _crowded(entries: Sequence[Entry]) -> Iterator[Advice]:
    """Many schedules are like that, also the defaults of the jobs."""
    keys = [entry.key for entry in entries if _is_crowded(entry)]
    if keys:
        what = "most jobs of other users start at the minutes 0 and 30, on the same servers"
        yield Advice("crowded", tuple(keys), what, _write_h(entries))


def _write_h(entries: Sequence[Entry]) -> str:
    crowded = (one for entry in entries for one in _with(entry, _has_crowded))
    return f'write H for the minute, as in schedule = "{_hashed(next(crowded))}"'


def _is_crowded(entry: Entry) -> bool:
    return any(_with(entry, _has_crowded))


def _has_crowded(found: Fields) -> bool:
    return bool(found.minutes & CROWDED) and found.minutes != frozenset(MINUTES)


def _hashed(expression: str) -> str:
    """With H for the minute, which takes one that depends on the entry's name."""
    minute, *rest = normal(expression).split()
    found = fields(expression)
    count = len(found.minutes) if found else 1
    step = 60 // count
    even = found and step in _STEPS and found.minutes == frozenset(range(0, 60, step))
    return " ".join([f"H/{step}" if even else "H", *rest]) if minute else expression


def _changing(entries: Sequence[Entry]) -> Iterator[Advice]:
    found = [one for one in entries if any(_with(one, _is_in_the_change)) and _moves(one.zone)]
    if found:
        names = " and ".join(dict.fromkeys(entry.zone for entry in found))
        what = (
            f"on the nights when the clocks of {names} change, the hours from 01:00 to 03:00 come"
            " twice or not at all, and schedulers differ in what they do then"
        )
        instead = 'take another hour, or timezone = "UTC"'
        yield Advice("clock-change", tuple(entry.key for entry in found), what, instead)


def _moves(zone: str) -> bool:
    return zones.difference(zone, _UTC) is None


def _is_in_the_change(found: Fields) -> bool:
    return bool(found.hours & _CHANGING_HOURS) and found.hours != frozenset(HOURS)


def _too_often(entries: Sequence[Entry]) -> Iterator[Advice]:
    gaps = {entry: least_gap(entry) or math.inf for entry in entries}
    found = [one for one, minutes in gaps.items() if minutes * 60 < one.timeout_seconds]
    if found:
        one = found[0]
        what = (
            f"{one.key if found[1:] else 'it'} may run for {_span(one.timeout_seconds / 60)} and is"
            f" due after {_span(gaps[one])}; a start while it runs is skipped"
        )
        instead = "give it a shorter timeout or --max-seconds, or start it less often"
        yield Advice("period-below-timeout", tuple(entry.key for entry in found), what, instead)


def _together(entries: Sequence[Entry]) -> Iterator[Advice]:
    """One for each group, unless that is of our own making."""
    for group in meeting([entry for entry in entries if entry.heavy]):
        if all(entry.is_default for entry in group):
            continue
        what = "these sweeps may run at the same time, and each limits only its own load"
        instead = "start them as far apart as their timeouts are long"
        yield Advice("overlap", tuple(entry.key for entry in group), what, instead)


def _github(entries: Sequence[Entry]) -> Iterator[Advice]:
    if not entries:
        return
    yield Advice(
        "github-60-days",
        (),
        "GitHub disables the schedules of a public repository after 60 days without a commit",
        "let another scheduler run maint readyz, which says whether they still run",
    )
    late = [entry.key for entry in entries if _is_crowded(entry) or _is_often(entry)]
    if late:
        what = "at busy times, above all on the hour, GitHub starts schedules late or not at all"
        instead = "let another scheduler start what cannot wait"
        if any(map(_is_crowded, entries)):
            instead = f"{_write_h(entries)}, and {instead}"
        yield Advice("github-delay", tuple(late), what, instead)


def _is_often(entry: Entry) -> bool:
    gap = least_gap(entry)
    return gap is not None and gap < _OFTEN_MINUTES


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


def meeting(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Groups of those that may still be running when another of their group starts."""
    groups: list[tuple[int, set[str]]] = []
    for entry in entries:
        busy, keys = _busy(entry), {entry.key}
        met = [group for group in groups if group[0] & busy]
        groups = [group for group in groups if group not in met]
        for minutes, others in met:
            busy |= minutes
            keys |= others
        groups.append((busy, keys))
    found = ([entry for entry in entries if entry.key in keys] for _, keys in groups)
    return [group for group in found if len(group) > 1]


def _busy(entry: Entry) -> int:
    """The minutes of the month in which it may be running, each a bit, the first the highest.

    Whole minutes are enough: where two meet, the later of them starts in such a minute.
    """
    begins = bytearray(b"0" * _MINUTES)
    for at in starts(entry):
        begins[at + _DAY] = ord("1")
    busy, covered = int(begins, base=2), 1
    length = math.ceil(entry.timeout_seconds / 60)
    while covered < length:
        more = min(covered, length - covered)
        busy |= busy >> more
        covered += more
    return busy
