"""A cron expression as systemd's calendar events: the values of OnCalendar=."""

from typing import Final

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

    systemd wants weekday and date to match both.
    """
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
    if step > 1 and ordered == list(range(ordered[0], within[-1] + 1, step)):
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
