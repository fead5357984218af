"""A cron expression in the words of Kubernetes, which reads some of them otherwise than cron.

Kubernetes takes github.com/robfig/cron: Sunday is 0 and never 7; there is no last and no nth day;
and the two fields of days must both match only where one of them has a plain star, while Debian's
cron is content with one that begins with a star.
"""

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
