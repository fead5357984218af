"""A cron expression of one zone in the clock of another, where that is exact."""

from bisect import bisect
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from maintcli.schedules.fields import (
    DAYS,
    HOURS,
    MINUTES,
    MONTHS,
    WEEKDAYS,
    Fields,
    fields,
    listed,
    written,
)

_FROM, _DAYS_AHEAD = datetime(2024, 1, 1, tzinfo=UTC), 14 * 366
_DAY_MINUTES: Final = 1440
_MOST: Final = 4


def shifted(expression: str, zone: str, clock: str) -> tuple[str, ...] | None:
    """Expressions that say in `clock` what `expression` says in `zone`; None where none do.

    They do where both zones are always equally far apart (no daylight saving time, or the same)
    and no date would have to move; and where it is the same minutes of each hour, however far.
    """
    apart = _apart(zone, clock)
    if apart == frozenset({0}):
        return (expression,)
    found = fields(expression)
    if found is None or (len(apart) > 1 and not _goes_on(expression, found)):
        return None
    moved = {_moved(found, minutes) for minutes in apart}
    return moved.pop() if len(moved) == 1 else None


def difference(zone: str, clock: str) -> int | None:
    """Minutes that `clock` is ahead of `zone`; None where that changes with the seasons."""
    apart = _apart(zone, clock)
    return next(iter(apart)) if len(apart) == 1 else None


@lru_cache
def changes(zone: str) -> tuple[tuple[datetime, timedelta, timedelta], ...]:
    """Each moment at which the clocks of `zone` are changed, with the offsets before and after."""
    there = ZoneInfo(zone)
    found: list[tuple[datetime, timedelta, timedelta]] = []
    days = [_FROM + timedelta(days=day) for day in range(_DAYS_AHEAD)]
    for low, high in pairwise(days):
        before, after = _offset(there, low), _offset(there, high)
        if before == after:
            continue
        minutes = range(_DAY_MINUTES + 1)
        first = bisect(
            minutes, 0, key=lambda minute: _offset(there, low + timedelta(minutes=minute)) != before
        )
        found.append((low + timedelta(minutes=first), before, after))
    return tuple(found)


@lru_cache
def _apart(zone: str, clock: str) -> frozenset[int]:
    """Every number of minutes that `clock` is ahead of `zone` at some time."""
    if zone == clock:
        return frozenset({0})
    one, other = ZoneInfo(zone), ZoneInfo(clock)
    moments = (_FROM + timedelta(days=day) for day in range(_DAYS_AHEAD))
    gaps = {_offset(other, moment) - _offset(one, moment) for moment in moments}
    return frozenset(int(gap // timedelta(minutes=1)) for gap in gaps)


def _goes_on(expression: str, found: Fields) -> bool:
    """Whether it is due in each hour that passes, also while clocks are put back.

    Without a star, cron takes the hours for times of the day, each of which comes once.
    """
    minute, hour, *_ = expression.split()
    has_star = minute.startswith("*") or hour.startswith("*")
    return has_star and found.hours == frozenset(HOURS) and found.is_daily


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _moved(found: Fields, minutes: int) -> tuple[str, ...] | None:
    """Grouped by the day that they fall on, which may be the one before or after."""
    by_day: dict[int, set[int]] = {}
    for hour in found.hours:
        for minute in found.minutes:
            day, moment = divmod(hour * 60 + minute + minutes, _DAY_MINUTES)
            by_day.setdefault(day, set()).add(moment)
    if found.is_daily:
        by_day = {0: set[int]().union(*by_day.values())}
    dated = found.days != frozenset(DAYS) or found.months != frozenset(MONTHS)
    if dated and set(by_day) != {0}:
        return None
    several = [
        f"{time} {_days(found, day)}" for day, moments in by_day.items() for time in _times(moments)
    ]
    same = all(_agrees(found, line) for line in several)
    return tuple(several) if len(several) <= _MOST and same else None


def _agrees(found: Fields, line: str) -> bool:
    """Whether `line` joins its two days as the original did: `*/7` is written as 0, say."""
    moved = fields(line)
    stars = line.split()[2] == "*" or line.split()[4] == "*"
    return moved is not None and (stars or moved.either == found.either)


def _times(moments: Iterable[int]) -> list[str]:
    """One pair of minutes and hours for each set of hours that share their minutes."""
    minutes_of: dict[int, set[int]] = {}
    for moment in moments:
        minutes_of.setdefault(moment // 60, set()).add(moment % 60)
    hours_of: dict[frozenset[int], set[int]] = {}
    for hour, minutes in minutes_of.items():
        hours_of.setdefault(frozenset(minutes), set()).add(hour)
    return [
        f"{written(minutes, MINUTES)} {written(frozenset(hours), HOURS)}"
        for minutes, hours in sorted(hours_of.items(), key=lambda pair: min(pair[1]))
    ]


def _days(found: Fields, day: int = 0) -> str:
    """The other three fields. A star at the head of a day decides whether both have to match."""
    weekdays = frozenset((weekday + day) % 7 for weekday in found.weekdays)
    months = written(found.months, MONTHS)
    if not found.either:
        return f"{written(found.days, DAYS)} {months} {written(weekdays, WEEKDAYS)}"
    if found.days == frozenset(DAYS) or weekdays == frozenset(WEEKDAYS):
        return f"* {months} *"
    return f"{listed(found.days)} {months} {listed(weekdays)}"
