"""When entries start in a month of all days, as plain numbers, to be held against each other."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from maintcli.schedules.entry import Entry
from maintcli.schedules.fields import DAYS, Fields, fields

_YEAR, _MONTH = 2026, 1  # with 31 days; an expression's months are left out of account
_DAY_MINUTES: Final = 1440


def starts(entry: Entry) -> list[int]:
    """Minutes from the beginning of the month in UTC, ascending; last and nth days are left out."""
    offset = datetime(_YEAR, _MONTH, 1, tzinfo=UTC).astimezone(ZoneInfo(entry.zone)).utcoffset()
    behind = int(offset.total_seconds() // 60) if offset else 0
    found = [one for one in map(fields, entry.expressions) if one is not None]
    return sorted({minute - behind for one in found for minute in _minutes(one)})


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
