"""An entry's expressions for a scheduler that knows UTC and plain cron.

What is common to GitHub, Railway and Render: numbers and names in five fields, times in UTC, and on
some a least time from one start to the next. GitHub knows time zones, too.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from maintcli.schedules import zones
from maintcli.schedules.fields import (
    DAYS,
    HOURS,
    MINUTES,
    MONTHS,
    WEEKDAYS,
    Fields,
    fields,
    normal,
    written,
)
from maintcli.schedules.model import Entry, Note

_UTC: Final = "UTC"
_JANUARY: Final = datetime(2026, 1, 1, tzinfo=UTC)
_DAY_MINUTES: Final = 1440


class Clock(NamedTuple):
    """What a scheduler is called in a sentence, and minutes from one start to the next at least."""

    name: str
    least_minutes: int = 1
    has_zones: bool = False


class Cron(NamedTuple):
    """An expression, and the zone of its times."""

    text: str
    zone: str = _UTC


def in_utc(entry: Entry, clock: Clock) -> tuple[tuple[str, ...], tuple[Note, ...]]:
    """The expressions in UTC, and a note for each that cannot be said there and is left out."""
    said, notes = crons(entry, clock)
    return tuple(cron.text for cron in said), notes


def crons(entry: Entry, clock: Clock) -> tuple[tuple[Cron, ...], tuple[Note, ...]]:
    """The same, each with its zone: UTC where that is exact, else the entry's if `clock` has it."""
    said: list[Cron] = []
    notes: list[Note] = []
    for expression in entry.expressions:
        found = _said(entry, expression, clock)
        if isinstance(found, Note):
            notes.append(found)
        else:
            said += [one for one in found if one not in said]
    return tuple(said), tuple(notes)


def _said(entry: Entry, expression: str, clock: Clock) -> Sequence[Cron] | Note:
    found = fields(expression)
    if found is None:
        what = f"{clock.name} knows no last or nth day, so {expression!r} is left out"
        return Note(entry.key, what, "the nearest is the 28th, or a day of the week")
    if _both_days(found):
        what = f"in {expression!r} both days have to match, which not every cron reads so"
        return Note(entry.key, f"{what}; it is left out", "the nearest is one of the two days")
    if _least_gap(found) < clock.least_minutes:
        what = f"{clock.name} starts nothing more often than every {clock.least_minutes} minutes"
        near = f'the nearest is "{_thinned(found, clock.least_minutes)}"'
        return Note(entry.key, f"{what}, so {expression!r} is left out", near)
    plain = _plain(expression, found)
    shifted = zones.shifted(plain, entry.zone, _UTC)
    if shifted is None and clock.has_zones:
        return (Cron(plain, entry.zone),)
    if shifted is None:
        what = f"the times are in UTC here, so {expression!r} in {entry.zone} is left out"
        return Note(entry.key, what, _nearest_in_utc(plain, entry.zone))
    return [Cron(text) for text in shifted]


def _plain(expression: str, found: Fields) -> str:
    """With `*` for a day that is any day, since some take `*/1` for a choice of days."""
    minute, hour, day, month, weekday = normal(expression).split()
    any_day, any_weekday = found.days == frozenset(DAYS), found.weekdays == frozenset(WEEKDAYS)
    if found.either and (any_day or any_weekday):
        any_day = any_weekday = True  # one of the two is enough, and one always matches
    return " ".join(
        [minute, hour, "*" if any_day else day, month, "*" if any_weekday else weekday],
    )


def _both_days(found: Fields) -> bool:
    some_days = found.days != frozenset(DAYS)
    return not found.either and some_days and found.weekdays != frozenset(WEEKDAYS)


def _least_gap(found: Fields) -> int:
    """Minutes from one start to the next, as if the days followed each other."""
    times = sorted(hour * 60 + minute for hour in found.hours for minute in found.minutes)
    return min(b - a for a, b in pairwise([*times, times[0] + _DAY_MINUTES]))


def _thinned(found: Fields, least: int) -> str:
    """The same with so many minutes left out that the rest are far enough apart."""
    kept: list[int] = []
    for minute in sorted(found.minutes):
        apart = not kept or (minute - kept[-1] >= least and kept[0] + 60 - minute >= least)
        if apart:
            kept.append(minute)
    hours = written(found.hours, HOURS)
    days, weekdays = written(found.days, DAYS), written(found.weekdays, WEEKDAYS)
    months = written(found.months, MONTHS)
    return f"{written(frozenset(kept), MINUTES)} {hours} {days} {months} {weekdays}"


def _nearest_in_utc(expression: str, zone: str) -> str:
    """The expression in UTC as it is in January, for a zone that moves its clocks."""
    offset = _JANUARY.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()
    hours, rest = divmod(offset, timedelta(hours=1))
    moved = None
    if not rest:
        # These names have the sign turned round: Etc/GMT-1 is an hour ahead of UTC.
        moved = zones.shifted(expression, f"Etc/GMT{-hours:+d}" if hours else _UTC, _UTC)
    if not moved:
        return 'the nearest is a time of your own choice with timezone = "UTC"'
    said = " and ".join(f'"{one}"' for one in moved)
    return f"the nearest is {said} in UTC, which is right in January"
