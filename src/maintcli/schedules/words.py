"""When an expression is due, in words: `every 5 minutes`, `at 02:00 on Sun`."""

from collections.abc import Sequence
from typing import Final

from maintcli.schedules.fields import (
    DAY_NAMES,
    DAYS,
    HOURS,
    MINUTES,
    MONTH_NAMES,
    MONTHS,
    WEEKDAYS,
    Fields,
    fields,
    listed,
)

_MOST_TIMES: Final = 4
_WORKDAYS: Final = frozenset(range(1, 6))


def words(expressions: Sequence[str], zone: str = "UTC") -> str:
    """All of them, with the zone unless that is UTC; blank for none."""
    text = "; ".join(describe(expression) for expression in expressions)
    return text if zone == "UTC" or not text else f"{text}, {zone}"


def describe(expression: str) -> str:
    """One expression in words, or the expression itself where words would be longer."""
    found = fields(expression)
    if found is None:
        return expression
    time, days = _time(found), _days(found)
    if time is None or days is None:
        return expression
    return f"{time} {days}" if days else f"daily {time}" if time.startswith("at") else time


def _time(found: Fields) -> str | None:
    minutes, hours = sorted(found.minutes), sorted(found.hours)
    if len(hours) == len(HOURS):
        return _in_the_hour(minutes)
    if len(minutes) * len(hours) <= _MOST_TIMES:
        return f"at {_and([f'{h:02}:{m:02}' for h in hours for m in minutes])}"
    step = _step(hours, HOURS)
    if len(minutes) == 1 and step:
        first = f"{hours[0]:02}:{minutes[0]:02}"
        return f"every {step} hours" + ("" if first == "00:00" else f" from {first}")
    if hours == list(range(hours[0], hours[-1] + 1)):
        return f"{_in_the_hour(minutes)} from {hours[0]:02}:00 to {hours[-1]:02}:59"
    return None


def _in_the_hour(minutes: list[int]) -> str:
    if len(minutes) == len(MINUTES):
        return "every minute"
    step = _step(minutes, MINUTES)
    if step:
        return f"every {step} minutes" + (f" from :{minutes[0]:02}" if minutes[0] else "")
    if minutes == [0]:
        return "every hour"
    return f"every hour at {_and([f':{minute:02}' for minute in minutes])}"


def _step(values: list[int], within: range) -> int:
    """The step that also divides `within`, or 0."""
    step = len(within) // len(values)
    even = len(within) % len(values) == 0 and values == list(range(values[0], within[-1] + 1, step))
    return step if even and 1 < step < len(within) else 0


def _days(found: Fields) -> str | None:
    parts = [part for part in (_dates(found.days), _weekdays(found.weekdays)) if part]
    if found.is_daily:
        return ""
    if found.either and len(parts) == 1:  # the other day is any
        parts = []
    months = "" if found.months == frozenset(MONTHS) else f"in {_and(_names(found.months))}"
    joined = (" or " if found.either else " that is also ").join(parts)
    return " ".join(part for part in (joined, months) if part)


def _names(months: frozenset[int]) -> list[str]:
    return [MONTH_NAMES[month - 1] for month in sorted(months)]


def _dates(days: frozenset[int]) -> str:
    if days == frozenset(DAYS):
        return ""
    return f"on day {listed(days)}"


def _weekdays(days: frozenset[int]) -> str:
    if days == frozenset(WEEKDAYS):
        return ""
    if days == _WORKDAYS:
        return "on Mon to Fri"
    return f"on {_and([DAY_NAMES[day] for day in sorted(days, key=lambda day: day or 7)])}"


def _and(parts: list[str]) -> str:
    return ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else parts[0]
