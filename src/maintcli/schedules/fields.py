"""The five fields of a cron expression, as sets of numbers, and in one portable spelling."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

MINUTES: Final = range(60)
HOURS: Final = range(24)
DAYS: Final = range(1, 32)
MONTHS: Final = range(1, 13)
WEEKDAYS: Final = range(7)  # 0 is Sunday
RANGES: Final = (MINUTES, HOURS, DAYS, MONTHS, WEEKDAYS)

MONTH_NAMES: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
DAY_NAMES: Final = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_NAMES: Final[tuple[dict[str, int], ...]] = (
    {},
    {},
    {},
    {name.upper(): number for number, name in enumerate(MONTH_NAMES, start=1)},
    {name.upper(): number for number, name in enumerate(DAY_NAMES)},
)


class Fields(NamedTuple):
    """When an expression is due; `either` of the two days is enough, else both have to match.

    As in Debian's cron: both have to where one of the two fields begins with a star.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool

    @property
    def is_daily(self) -> bool:
        """Whether it is due on every day."""
        days, weekdays = self.days == frozenset(DAYS), self.weekdays == frozenset(WEEKDAYS)
        dates = (days or weekdays) if self.either else (days and weekdays)
        return dates and self.months == frozenset(MONTHS)


@lru_cache(maxsize=1024)
def normal(expression: str) -> str:
    """`expression` in a form that every cron reads the same way.

    Numbers for names, 0 for Sunday, `5-59/10` for `5/10`, single blanks. It has been accepted by
    schedules/cron.py.
    """
    parts = expression.upper().split()
    if len(parts) != len(RANGES):
        return expression
    return " ".join(_normal(part, number) for number, part in enumerate(parts))


@lru_cache(maxsize=1024)
def fields(expression: str) -> Fields | None:
    """The sets, or None where a last or an nth day (`L`, `5#2`) is meant, which is no number.

    The expression has been accepted by schedules/cron.py.
    """
    parts = normal(expression).split()
    if is_special(expression):
        return None
    sets = [frozenset(_numbers(part, RANGES[n])) for n, part in enumerate(parts)]
    star = parts[2].startswith("*") or parts[4].startswith("*")
    minutes, hours, days, months, weekdays = sets
    return Fields(minutes, hours, days, months, weekdays, either=not star)


def is_special(expression: str) -> bool:
    """Whether it means a last or an nth day, which few schedulers know."""
    return any(mark in part for part in normal(expression).split() for mark in "L#W")


def _normal(part: str, number: int) -> str:
    terms = [_term(term, number) for term in part.split(",")]
    if number == len(RANGES) - 1 and any(_reaches_seven(term) for term in terms):
        return _without_seven(terms)
    return ",".join(terms)


def _term(term: str, number: int) -> str:
    body, slash, step = term.partition("/")
    ends = [str(_NAMES[number].get(end, end)) for end in body.split("-")]
    if slash and len(ends) == 1 and ends[0].isdigit():
        # 5/10 is read in several ways; 5-59/10 in one. The week goes up to 7, a Sunday again.
        ends.append("7" if number == len(RANGES) - 1 else str(RANGES[number][-1]))
    ends = [str(int(end)) if end.isdigit() else end for end in ends]
    if len(ends) > 1 and ends[0] == ends[1]:
        return ends[0]  # cronsim reads 5-5/10 as 5/10
    return "-".join(ends) + (f"/{int(step) if step.isdigit() else step}" if slash else "")


def _reaches_seven(term: str) -> bool:
    return term.partition("/")[0].rpartition("-")[2] == "7"


def _without_seven(terms: Sequence[str]) -> str:
    """With 0 for 7, since some know only 0 to 6. A star stays at the head: it has a meaning."""
    if any("#" in term or "L" in term for term in terms):
        return ",".join("0" if term == "7" else term for term in terms)
    if not terms[0].startswith("*"):
        return listed({day % 7 for term in terms for day in _numbers(term, range(8))})
    days = {day % 7 for term in terms[1:] for day in _numbers(term, range(8))}
    more = days - set(_numbers(terms[0], WEEKDAYS))
    return f"{terms[0]},{listed(more)}" if more else terms[0]


def _numbers(part: str, within: range) -> Iterable[int]:
    for term in part.split(","):
        body, _, step = term.partition("/")
        if body == "*":
            chosen = within
        else:
            low, _, high = body.partition("-")
            chosen = range(int(low), int(high or low) + 1)
        yield from chosen[:: int(step or 1)]


def listed(values: Iterable[int]) -> str:
    """`1,3-5` for 1, 3, 4 and 5."""
    return ",".join(
        f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run))
        for run in runs(sorted(values))
    )


def runs(ordered: Iterable[int]) -> list[list[int]]:
    """`ordered` in pieces without a gap."""
    found: list[list[int]] = []
    for value in ordered:
        if found and value == found[-1][-1] + 1:
            found[-1].append(value)
        else:
            found.append([value])
    return found


def written(values: frozenset[int], within: range) -> str:
    """A field that means `values`: a star, a step, or a list."""
    if values == frozenset(within):
        return "*"
    ordered = sorted(values)
    step = ordered[1] - ordered[0] if len(ordered) > 2 else 0
    if step > 1 and ordered == list(range(ordered[0], within[-1] + 1, step)):
        first = "*" if ordered[0] == within[0] else f"{ordered[0]}-{within[-1]}"
        return f"{first}/{step}"
    return listed(values)
