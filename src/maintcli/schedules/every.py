"""`every = "15m"` as a cron expression, where one says exactly that."""

from itertools import pairwise
from typing import Final

from maintcli.config.duration import Duration
from maintcli.schedules.fields import HOURS, written

_MINUTE, _HOUR, _DAY, _WEEK = 60, 3600, 86400, 7 * 86400
_MONTH: Final = 30.44 * _DAY
# What divides the hour, the day and the year; in between cron would jump at each turn of them.
_EXACT: Final = (
    *(n * _MINUTE for n in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)),
    *(n * _HOUR for n in (1, 2, 3, 4, 6, 8, 12, 24)),
    _WEEK,
)
_MONTHS: Final = (1, 2, 3, 4, 6, 12)
_MOST_EXPRESSIONS: Final = 4


def expression(text: str) -> str:
    """The expression that is due each `text`, its moment left to a hash of the entry's key (`H`).

    Raises ValueError, with the nearest that cron can say, for any other duration.
    """
    wanted = Duration.parse(text)
    if wanted.months and not wanted.seconds and wanted.months in _MONTHS:
        return f"H H H {'*' if wanted.months == 1 else f'H/{wanted.months}'} *"
    seconds = wanted.seconds
    if wanted.months or seconds not in _EXACT:
        raise ValueError(_cannot(wanted))
    if seconds < _HOUR:
        minutes = int(seconds // _MINUTE)
        return "* * * * *" if minutes == 1 else f"H/{minutes} * * * *"
    if seconds < _DAY:
        hours = int(seconds // _HOUR)
        return "H * * * *" if hours == 1 else f"H H/{hours} * * *"
    return "H H * * *" if seconds == _DAY else "H H * * H"


def _cannot(wanted: Duration) -> str:
    seconds = wanted.approx_seconds
    if seconds < _MINUTE:
        return f"{wanted} is too often: no cron starts anything more than once a minute; take 1m"
    exact = [Duration(seconds=float(n)) for n in _EXACT] + [Duration(months=n) for n in _MONTHS]
    if seconds > exact[-1].approx_seconds:
        return f"{wanted} is too seldom for cron, which knows no years; take 1y"
    near = next(f"{a} and {b}" for a, b in pairwise(exact) if seconds < b.approx_seconds)
    clause = f"cron cannot say each {wanted} evenly; the nearest that it can are {near}"
    several = _several(int(seconds)) if wanted.seconds == int(seconds) else ()
    if not several:
        return clause
    listed = ", ".join(f'"{one}"' for one in several)
    return f"{clause}; or take it out and write schedule = [{listed}]"


def _several(seconds: int) -> tuple[str, ...]:
    """A few expressions that together say it exactly, since it divides the day; else none."""
    if seconds % _MINUTE or _DAY % seconds:
        return ()
    hours: dict[int, set[int]] = {}
    for minute in range(0, _DAY // _MINUTE, seconds // _MINUTE):
        hours.setdefault(minute % 60, set()).add(minute // 60)
    if len(hours) > _MOST_EXPRESSIONS:
        return ()
    return tuple(f"{m} {written(frozenset(h), HOURS)} * * *" for m, h in sorted(hours.items()))
