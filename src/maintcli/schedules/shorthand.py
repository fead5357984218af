"""From what maint.toml says to cron expressions: `schedule` with `H`, or `every`.

`H` is a number that its entry keeps for good, unlike its neighbours'. As in Jenkins: `H` is one
value of the field, `H(0-7)` one of these, `H/15` each fifteenth from a hashed first one. Days of
the month go up to 28, so that each month has them. The minutes 0 and 30, at which most other jobs
start, are avoided where that is possible.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from itertools import pairwise
from typing import Final

from maintcli.config.duration import Duration
from maintcli.config.messages import quote
from maintcli.config.scheduler import every_text
from maintcli.config.section import Section
from maintcli.errors import ConfigError
from maintcli.schedules import cron
from maintcli.schedules.fields import HOURS, MINUTES, MONTHS, WEEKDAYS, normal, written

CROWDED: Final = frozenset({0, 30})  # minutes at which most people's jobs start
_FIELDS: Final = (MINUTES, HOURS, range(1, 29), MONTHS, WEEKDAYS)
_TERM: Final = re.compile(r"H(?:\((\d{1,2})-(\d{1,2})\))?(?:/(\d{1,2}))?", re.ASCII)
_MINUTE, _HOUR, _DAY, _WEEK = 60, 3600, 86400, 7 * 86400
# What divides the hour, the day and the year; in between cron would jump at each turn of them.
_EXACT: Final = (
    *(n * _MINUTE for n in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)),
    *(n * _HOUR for n in (1, 2, 3, 4, 6, 8, 12, 24)),
    _WEEK,
)
_MONTHS: Final = (1, 2, 3, 4, 6, 12)
_MOST_EXPRESSIONS: Final = 4


def expressions(
    section: Section, key: str, zone: str, default: Sequence[str] = ()
) -> tuple[str, ...]:
    """What `schedule` or `every` of `section` says, else `default`; H resolved for `key`.

    Raises ConfigError for what is no expression, is never due, or cannot be said by one.
    """
    text = every_text(section)
    if text is not None:
        try:
            return (resolve(from_every(text), key),)
        except ValueError as error:
            raise section.wrong("every", str(error)) from None
    given = section.texts("schedule", single=True) if "schedule" in section.values else default
    return tuple(dict.fromkeys(_read(section, one, key, zone) for one in given))


def _read(section: Section, text: str, key: str, zone: str) -> str:
    try:
        expression = resolve(text, key)
        following = cron.next_time(expression, zone, datetime.now(UTC))
    except ValueError as error:
        raise ConfigError(f"{section.place('schedule')}: {error}.") from None
    if following is None:
        raise section.wrong("schedule", f"{text!r} is never due; there is no such day")
    return normal(expression)


def resolve(expression: str, key: str) -> str:
    """`expression` with each H replaced; the same for the same `key`, everywhere and always.

    Raises ValueError with a clause for an H that cannot be read.
    """
    parts = expression.upper().split()
    if not any("H" in part.replace("THU", "") for part in parts) or len(parts) != len(_FIELDS):
        return expression
    return " ".join(
        ",".join(_term(term, number, key) for term in part.split(","))
        for number, part in enumerate(parts)
    )


def _term(term: str, number: int, key: str) -> str:
    if "H" not in term.replace("THU", ""):
        return term
    found = _TERM.fullmatch(term)
    if found is None:
        raise ValueError(f"{quote(term)} is not a valid H; write H, H/15, H(0-7) or H(0-29)/10")
    within = _FIELDS[number]
    low, high = int(found[1] or within[0]), int(found[2] or within[-1])
    if low > high or low not in within or high not in within:
        raise ValueError(
            f"{quote(term)} goes from {low} to {high}; stay within {within[0]} to {within[-1]}"
        )
    step = int(found[3] or 0)
    if found[3] and not 1 <= step <= high - low + 1:
        raise ValueError(f"{quote(term)} has a step of {step}; take 1 to {high - low + 1}")
    firsts = range(low, low + (step or high - low + 1))
    quiet = [one for one in firsts if number > 0 or not _meets(one, high, step)]
    first = _one_of(quiet or firsts, key, number)
    if not step or first + step > high:
        return str(first)
    # For a day a star would say that the other day has to match as well.
    is_star = number < 2 and first == within[0] and high == within[-1]
    return f"*/{step}" if is_star else f"{first}-{high}/{step}"


def _meets(first: int, high: int, step: int) -> bool:
    """Whether `first`, or a step after it, is a crowded minute."""
    return not CROWDED.isdisjoint(range(first, high + 1, step) if step else (first,))


def _one_of(values: Sequence[int], key: str, number: int) -> int:
    digest = sha256(f"{number}:{key}".encode()).digest()
    return values[int.from_bytes(digest[:8]) % len(values)]


def from_every(text: str) -> str:
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
