"""Random expressions, zones, options and entries; and when an expression is due."""

from datetime import datetime
from itertools import islice

from hypothesis import strategies as st

from maintcli.schedules import cron
from maintcli.schedules.fields import DAYS, HOURS, MINUTES, MONTHS, normal
from maintcli.schedules.model import Entry

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Australia/Sydney",
)


def field(within: range) -> st.SearchStrategy[str]:
    """A star, a step, or a list of numbers, ranges and ranges with steps."""
    number = st.integers(within[0], within[-1])
    step = st.integers(1, 7 if within == range(8) else len(within))
    span = st.tuples(number, number).map(sorted).map(lambda ends: f"{ends[0]}-{ends[1]}")
    term = st.one_of(
        number.map(str), span, st.tuples(span, step).map(lambda two: f"{two[0]}/{two[1]}")
    )
    listed = st.lists(term, min_size=1, max_size=3).map(",".join)
    return st.one_of(st.just("*"), step.map(lambda n: f"*/{n}"), listed)


SAFE_DAYS = range(DAYS[0], 29)  # no month lacks them, so each expression is due some day
expressions = st.tuples(
    field(MINUTES), field(HOURS), field(SAFE_DAYS), field(MONTHS), field(range(8))
).map(" ".join)
zones = st.sampled_from(ZONES)
words = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
keys = st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,6}){0,2}", fullmatch=True)


@st.composite
def entries(draw: st.DrawFn, *, zone: st.SearchStrategy[str] = zones) -> Entry:
    """An entry as a declaration makes it."""
    some = draw(st.lists(expressions.map(normal), min_size=1, max_size=3, unique=True))
    return Entry(
        key=draw(keys),
        job=draw(st.sampled_from(["cleanup-sessions", "cleanup-old-sessions"])),
        summary="Remove what is old.",
        expressions=tuple(some),
        zone=draw(zone),
        options=tuple(draw(st.lists(words, max_size=4))),
    )


def several(zone: st.SearchStrategy[str] = zones) -> st.SearchStrategy[list[Entry]]:
    """Some of them, with keys of their own."""
    return st.lists(entries(zone=zone), max_size=4, unique_by=lambda entry: entry.key)


def due_times(expression: str, zone: str, after: datetime, count: int) -> list[datetime]:
    """The first `count` times strictly after `after`, fewer where there are no more, in UTC."""
    return list(islice(cron.each_time(expression, zone, after), count))
