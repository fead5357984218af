"""A cron expression in the words of Kubernetes, which reads some of them otherwise than cron.

Kubernetes takes github.com/robfig/cron: Sunday is 0 and never 7; there is no last and no nth day;
and the two fields of days must both match only where one of them has a plain star, while Debian's
cron is content with one that begins with a star.
"""

from datetime import timedelta

from maintcli.schedules import shift
from maintcli.schedules.cron import next_time
from maintcli.schedules.fields import DAYS, WEEKDAYS, fields, normal


def translated(expression: str) -> str | None:
    """The expression that is due there when `expression` is due in Debian's cron.

    None where there is none.
    """
    found = fields(expression)
    if found is None:
        return None
    minute, hour, day, month, weekday = normal(expression).split()
    each_day, each_weekday = found.days >= set(DAYS), found.weekdays >= set(WEEKDAYS)
    if found.either and (each_day or each_weekday):
        day = weekday = "*"
    elif not found.either and not (each_day or each_weekday):
        return None
    day, weekday = ("*" if each_day else day), ("*" if each_weekday else weekday)
    return f"{minute} {hour} {day} {month} {weekday}"


def comes_twice(expression: str, zone: str) -> bool:
    """Whether it is started both times that an hour comes when the clocks go back.

    Not so what is due in each hour, since that is as far apart then as ever.
    """
    if shift.difference(zone, "UTC") is not None or shift.shifted(expression, zone, "UTC"):
        return False
    for moment, before, after in shift.changes(zone):
        if after < before:
            begin = moment - (before - after)
            due = next_time(expression, zone, begin - timedelta(minutes=1))
            if due is not None and due < moment:
                return True
    return False
