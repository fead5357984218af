"""The five fields, one portable spelling of them, and when they are due"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from maintcli.schedules import cron
from maintcli.schedules.fields import fields, is_special, normal, written
from tests.schedules.strategies import due_times, expressions, zones

MOMENTS = st.integers(0, 5 * 366 * 86_400).map(
    lambda seconds: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


@pytest.mark.parametrize(
    ("expression", "portable"),
    [
        ("5/10 0 * jan-mar mon,5-7", "5-59/10 0 * 1-3 0,1,5,6"),
        ("0  0 * * SUN-thu", "0 0 * * 0-4"),
        ("00 02 * * 7", "0 2 * * 0"),
        ("0 0 * * 1,7", "0 0 * * 0,1"),
        ("0 0 L * *", "0 0 L * *"),
        ("0 0 * * 5#2,7", "0 0 * * 5#2,0"),
        ("0 0 * * */2", "0 0 * * */2"),
        ("0 0 1 * */3,7", "0 0 1 * */3"),
        ("0 0 1 * */3,5-7", "0 0 1 * */3,5"),
        ("0 0 1 * 7,*/3", "0 0 1 * 0,3,6"),
        ("0 0 * * 4/3", "0 0 * * 0,4"),
        ("5-5/10 23/10 * * *", "5 23 * * *"),
    ],
)
def test_one_spelling(expression: str, portable: str) -> None:
    """Names, 7 for Sunday and a step after one number are read by some schedulers otherwise."""
    assert normal(expression) == portable


@given(expressions, zones, MOMENTS)
def test_the_spelling_changes_no_time(expression: str, zone: str, after: datetime) -> None:
    """And a spelling of it is itself."""
    assert normal(normal(expression)) == normal(expression)
    several = (due_times(one, zone, after, 3) for one in (expression, normal(expression)))
    assert len({tuple(times) for times in several}) == 1


@given(expressions, MOMENTS)
def test_the_sets_are_when_it_is_due(expression: str, after: datetime) -> None:
    """Each field has the number, and the two days are joined as Debian's cron joins them."""
    found = fields(expression)
    assert found is not None
    due = cron.next_time(expression, "UTC", after)
    assert due is not None
    earlier = after.replace(second=0, microsecond=0)
    for when in (due, *(earlier + timedelta(minutes=n) for n in range(1, 90))):
        days = (when.day in found.days, when.isoweekday() % 7 in found.weekdays)
        meant = (
            when.minute in found.minutes
            and when.hour in found.hours
            and when.month in found.months
            and (any(days) if found.either else all(days))
        )
        assert meant == (when == due) or when > due


@given(expressions, zones, MOMENTS)
def test_our_times_are_cronsims(expression: str, zone: str, after: datetime) -> None:
    """In any zone, told in UTC, ever later."""
    local = after.astimezone(UTC if zone == "UTC" else ZoneInfo(zone))
    theirs = CronSim(normal(expression), local)
    ours = due_times(expression, zone, after, 5)
    assert ours == [next(theirs).astimezone(UTC) for _ in ours]
    assert ours == sorted(set(ours))
    assert ours[0] > after


@given(st.frozensets(st.integers(0, 59), min_size=1))
@settings(max_examples=300)
def test_a_set_is_written_as_it_is_read(values: frozenset[int]) -> None:
    """Whether as a star, a step or a list."""
    found = fields(f"{written(values, range(60))} * * * *")
    assert found is not None
    assert found.minutes == values


@pytest.mark.parametrize("expression", ["0 0 L * *", "0 0 LW * *", "0 0 * * 5L", "0 0 * * 5#2"])
def test_a_last_or_nth_day_is_no_set(expression: str) -> None:
    """It is a rule; those who cannot say it are told."""
    assert is_special(expression)
    assert fields(expression) is None
