"""When entries and jobs are due: the coming times, how far apart they are, and what was missed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from heapq import merge
from itertools import islice, pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from maintcli.schedules import cron
from maintcli.schedules.fields import DAYS, Fields, fields
from maintcli.schedules.model import Entry

GRACE_SECONDS: Final = 60.0  # what a scheduler may take to start a run
_YEAR, _MONTH = 2026, 1  # with 31 days; an expression's months are left out of account
_DAY_MINUTES: Final = 1440


class Due(NamedTuple):
    """An entry, and when it is to be started, in UTC."""

    at: datetime
    entry: Entry


def coming(entries: Sequence[Entry], after: datetime, count: int) -> list[Due]:
    """The first `count` starts strictly after `after`; those of one moment by their keys."""
    streams = (_dues(entry, after) for entry in entries)
    ordered = merge(*streams, key=lambda due: (due.at, due.entry.key))
    return list(islice(ordered, count))


def following(entries: Sequence[Entry], after: datetime) -> list[Due]:
    """The next start of each, in their order; without those that are never due again."""
    return [due for entry in entries if (due := next(_dues(entry, after), None))]


def _dues(entry: Entry, after: datetime) -> Iterator[Due]:
    """Each moment once, though two of its expressions may mean it."""
    last = None
    for at in merge(*(cron.each_time(one, entry.zone, after) for one in entry.expressions)):
        if at != last:
            yield Due(at, entry)
        last = at


def starts(entry: Entry) -> tuple[int, ...]:
    """Minutes from the beginning of the month in UTC, ascending; last and nth days are left out."""
    return _starts(entry.expressions, entry.zone)


@lru_cache(maxsize=1024)  # each of these is asked of the same entries several times
def _starts(expressions: tuple[str, ...], zone: str) -> tuple[int, ...]:
    offset = datetime(_YEAR, _MONTH, 1, tzinfo=UTC).astimezone(ZoneInfo(zone)).utcoffset()
    behind = int(offset.total_seconds() // 60) if offset else 0
    found = [one for one in map(fields, expressions) if one is not None]
    return tuple(sorted({minute - behind for one in found for minute in _minutes(one)}))


def least_gap(entry: Entry) -> int | None:
    """Minutes from one start to the next at least; None where it starts once a month or less."""
    return min((b - a for a, b in pairwise(starts(entry))), default=None)


def _minutes(found: Fields) -> Iterator[int]:
    for day in DAYS:
        if _is_due_on(found, day):
            midnight = (day - 1) * _DAY_MINUTES
            yield from (midnight + h * 60 + m for h in found.hours for m in found.minutes)


def _is_due_on(found: Fields, day: int) -> bool:
    weekday = date(_YEAR, _MONTH, day).isoweekday() % 7
    matches = (day in found.days, weekday in found.weekdays)
    return any(matches) if found.either else all(matches)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a job is due; `enabled`: whether a scheduler should start it then."""

    expressions: tuple[str, ...]
    zone: str
    enabled: bool
    timeout_seconds: float

    @property
    def is_on(self) -> bool:
        """Whether the job is to be started by itself at all."""
        return self.enabled and bool(self.expressions)

    def __str__(self) -> str:
        text = ", ".join(self.expressions)
        return text if self.zone == "UTC" or not text else f"{text} {self.zone}"

    def next_after(self, when: datetime) -> datetime | None:
        """The next due time after `when`; None where it is off."""
        if not self.is_on:
            return None
        times = (cron.next_time(e, self.zone, when) for e in self.expressions)
        return min((t for t in times if t is not None), default=None)

    def period(self, now: datetime) -> float | None:
        """Seconds from one due time to the next, of the most frequent expression."""
        if not self.is_on:
            return None
        periods = (cron.period(e, self.zone, now) for e in self.expressions)
        return min((p for p in periods if p is not None), default=None)

    def patience(self, now: datetime) -> float | None:
        """Seconds after which a success is too old: period, timeout and grace."""
        found = self.period(now)
        return None if found is None else found + self.timeout_seconds + GRACE_SECONDS

    def missed_since(self, last_seen: datetime, now: datetime) -> datetime | None:
        """The first due time after `last_seen` at which nothing came, once the grace is over."""
        due = self.next_after(last_seen)
        return due if due and due + timedelta(seconds=GRACE_SECONDS) <= now else None
