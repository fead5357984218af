"""Cron expressions in the words of Kubernetes"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from maintcli.schedules import cron
from maintcli.schedules.targets.kubernetes.cronjob import comes_twice, translated
from tests.schedules.kubernetes import robfig
from tests.schedules.kubernetes.made import expressions


@pytest.mark.parametrize(
    ("expression", "written"),
    [
        ("*/5 * * * *", "*/5 * * * *"),
        ("0 3 * * 7", "0 3 * * 0"),
        ("0 3 * * 5-7", "0 3 * * 0,5,6"),
        ("0 9 * * MON-FRI", "0 9 * * 1-5"),
        ("0 3 1 * 1", "0 3 1 * 1"),
        ("0 3 */1 * 1", "0 3 * * 1"),
        ("0 3 1-31 * 1", "0 3 * * *"),  # either is enough, and one always is
        ("0 3 */2 * 1", None),  # both in cron, either in Kubernetes
        ("0 3 L * *", None),
        ("0 3 * * 5L", None),
        ("0 3 * * 1#2", None),
    ],
)
def test_translated(expression: str, written: str | None) -> None:
    """What means the same to Kubernetes; nothing where nothing does."""
    assert translated(expression) == written


@settings(deadline=None, max_examples=60)
@given(expressions(), st.datetimes(datetime(2025, 1, 1), datetime(2029, 1, 1)))  # noqa: DTZ001
def test_kubernetes_is_due_when_cron_is(expression: str, start: datetime) -> None:
    """At the due times themselves, and at none of the minutes on the way to the next."""
    written = translated(expression)
    assume(written is not None)
    assert written is not None
    due = cron.next_time(expression, "UTC", start.replace(tzinfo=UTC))
    assert due is not None
    assert robfig.is_due(written, due)
    when = start.replace(tzinfo=UTC, second=0, microsecond=0) + timedelta(minutes=1)
    for _ in range(1500):  # a day, and some
        if when >= due:
            break
        assert not robfig.is_due(written, when)
        when += timedelta(minutes=1)
    days = (due + timedelta(days=n) for n in range(1, 32))
    for day in days:  # at the same minute of other days
        before = cron.next_time(expression, "UTC", day - timedelta(minutes=1))
        assert robfig.is_due(written, day) == (before == day)


@settings(deadline=None)
@given(expressions())
def test_the_words_are_ones_that_kubernetes_knows(expression: str) -> None:
    """No names, no 7, no L: its parser takes every field."""
    written = translated(expression)
    if written is not None:
        for text, bounds in zip(written.split(), robfig.BOUNDS, strict=True):
            assert robfig.field(text, *bounds)[0]


@pytest.mark.parametrize(
    ("expression", "zone", "twice"),
    [
        ("30 2 * * *", "Europe/Berlin", True),
        ("30 2 * * 0", "Europe/Berlin", True),
        ("0 */2 * * *", "Europe/Berlin", True),
        ("30 2 * * 1", "Europe/Berlin", False),  # the clocks change on a Sunday
        ("30 2 1-7 * 1", "Europe/Berlin", False),  # and on one of the last days of a month
        ("30 2 * 5 *", "Europe/Berlin", False),
        ("0 3 * * *", "Europe/Berlin", False),
        ("*/30 * * * *", "Europe/Berlin", False),  # each half hour that passes
        ("30 1 * * *", "America/New_York", True),
        ("45 1 * * *", "Australia/Lord_Howe", True),
        ("15 1 * * *", "Australia/Lord_Howe", False),  # half an hour comes twice there
        ("30 2 * * *", "Asia/Tokyo", False),
    ],
)
def test_what_comes_twice_when_the_clocks_go_back(
    expression: str, zone: str, *, twice: bool
) -> None:
    """As the library that Kubernetes uses has it, minute by minute through the years."""
    assert comes_twice(expression, zone) == twice
    if not expression.startswith("*/30"):
        there, begin = ZoneInfo(zone), datetime(2026, 1, 1, tzinfo=UTC)
        hours = (begin + timedelta(hours=n / 2) for n in range(2 * 24 * 366 * 2))
        folded = (local for hour in hours if (local := hour.astimezone(there)).fold)
        minutes = (half + timedelta(minutes=n) for half in folded for n in range(30))
        assert any(robfig.is_due(expression, when) for when in minutes) == twice
