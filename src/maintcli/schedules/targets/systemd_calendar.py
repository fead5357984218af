"""A cron expression as systemd's calendar events: the values of OnCalendar=."""

from datetime import datetime, timedelta
from functools import partial
from itertools import chain, takewhile
from operator import gt
from typing import Final
from zoneinfo import ZoneInfo

from maintcli.schedules import zones
from maintcli.schedules.cron import each_time
from maintcli.schedules.fields import (
    DAY_NAMES,
    DAYS,
    HOURS,
    MINUTES,
    MONTHS,
    WEEKDAYS,
    Fields,
    fields,
    runs,
)


def events(expression: str, zone: str) -> tuple[str, ...] | None:
    """One event, or two where either of two days is enough; None for a last or an nth day.

    systemd wants weekday and date to match both. Where the clocks of `zone` change, they are in UTC
    if that is exact: of an hour that comes twice systemd takes the first alone.
    """
    if zones.difference(zone, "UTC") is None:
        in_utc = zones.shifted(expression, zone, "UTC")
        if in_utc is not None:
            return tuple(chain.from_iterable(_events(one, "UTC") or () for one in in_utc))
    return _events(expression, zone)


def lost(expression: str, zone: str) -> str | None:
    """What systemd does not start when the clocks change, as a clause; None if nothing is missed.

    It starts what is due at a time of day once, and skips it on a day without that time.
    """
    found = fields(expression)
    is_exact = zones.difference(zone, "UTC") is not None or zones.shifted(expression, zone, "UTC")
    if found is None or is_exact:
        return None
    there = ZoneInfo(zone)
    for moment, before, after in zones.changes(zone):
        near = abs(after - before)
        dues = takewhile(
            partial(gt, moment + near),
            each_time(expression, zone, moment - timedelta(minutes=1)),
        )
        for due in dues:
            local = due.astimezone(there)
            if local.fold or local.minute not in found.minutes or local.hour not in found.hours:
                return _hour(moment, before, after)
    return None


def _hour(moment: datetime, before: timedelta, after: timedelta) -> str:
    first, last = (f"{moment + offset:%H:%M}" for offset in sorted((before, after)))
    if after > before:
        return f"when the clocks go forward, {first} to {last} does not come, nor does its run"
    return (
        f"when the clocks go back, {first} to {last} comes twice, and its run the first time only"
    )


def _events(expression: str, zone: str) -> tuple[str, ...] | None:
    found = fields(expression)
    if found is None:
        return None
    time = f"{_field(found.hours, HOURS)}:{_field(found.minutes, MINUTES)}:00 {zone}"
    return tuple(f"{day} {time}" for day in _dates(found))


def _dates(found: Fields) -> list[str]:
    months = _field(found.months, MONTHS)
    any_day = f"*-{months}-*"
    by_date = f"*-{months}-{_field(found.days, DAYS)}"
    if found.weekdays == frozenset(WEEKDAYS):
        return [any_day if found.either else by_date]
    weekdays = _weekdays(found.weekdays)
    if not found.either:
        return [f"{weekdays} {by_date}"]
    if found.days == frozenset(DAYS):
        return [any_day]
    return [by_date, f"{weekdays} {any_day}"]


def _field(values: frozenset[int], within: range) -> str:
    if values == frozenset(within):
        return "*"
    ordered = sorted(values)
    step = ordered[1] - ordered[0] if len(ordered) > 2 else 0
    # Hours stand in a list: where midnight does not come, systemd has no time after 00/2. And it
    # leaves out 00:00 of *:00/7, whose step does not divide the hour.
    is_even = step > 1 and within is MINUTES and len(within) % step == 0
    if is_even and ordered == list(range(ordered[0], within[-1] + 1, step)):
        return f"{ordered[0]:02}/{step}"
    return ",".join(_run(run) for run in runs(ordered))


_WEEK: Final = (*DAY_NAMES[1:], DAY_NAMES[0])  # systemd's begins with Monday


def _weekdays(days: frozenset[int]) -> str:
    return ",".join(
        _WEEK[run[0]] if len(run) == 1 else f"{_WEEK[run[0]]}..{_WEEK[run[-1]]}"
        for run in runs(sorted((day - 1) % 7 for day in days))
    )


def _run(run: list[int]) -> str:
    return f"{run[0]:02}" if len(run) == 1 else f"{run[0]:02}..{run[-1]:02}"
