"""When a cron expression is due"""

from datetime import UTC, datetime

import pytest

from maintcli.schedules import cron
from maintcli.schedules.schedule import Schedule


def at(text: str) -> datetime:
    """A time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "zone", "after", "due"),
    [
        ("*/5 * * * *", "UTC", "2026-01-01 00:00", "2026-01-01 00:05"),
        ("*/5 * * * *", "UTC", "2026-01-01 00:04:59", "2026-01-01 00:05"),
        ("0 2 * * 0", "UTC", "2026-01-01 00:00", "2026-01-04 02:00"),
        ("0 2 * * *", "Asia/Tokyo", "2026-01-01 00:00", "2026-01-01 17:00"),
        ("30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", "2026-03-29 01:00"),  # 2:30 is skipped
        ("0 0 29 2 *", "UTC", "2026-01-01 00:00", "2028-02-29 00:00"),
    ],
)
def test_next_time(expression: str, zone: str, after: str, due: str) -> None:
    """Strictly after, in the expression's zone, told in UTC."""
    assert cron.next_time(expression, zone, at(after)) == at(due)


@pytest.mark.parametrize(
    "expression", ["", "* * * *", "61 * * * *", "* * * * * *", "a b c d e", "*/0 * * * *"]
)
def test_what_is_no_expression(expression: str) -> None:
    """A clause that says what is wrong."""
    with pytest.raises(ValueError, match="is no cron expression"):
        cron.next_time(expression, "UTC", at("2026-01-01"))


@pytest.mark.parametrize(
    ("expression", "now", "hours"),
    [
        ("*/5 * * * *", "2026-01-01 12:00", 1 / 12),
        ("0 9 * * *", "2026-01-01 12:00", 24),
        ("0 9 * * 1-5", "2026-01-04 12:00", 72),  # Sunday
        ("0 9 * * 1-5", "2026-01-05 09:01", 72),  # Monday, a minute after it was due
        ("0 9 * * 1-5", "2026-01-06 09:01", 24),  # Tuesday
    ],
)
def test_period(expression: str, now: str, hours: float) -> None:
    """The longer of the last and the current gap, so that a weekend makes nothing late."""
    assert cron.period(expression, "UTC", at(now)) == hours * 3600


def schedule(*expressions: str, enabled: bool = True) -> Schedule:
    """A schedule in UTC with a timeout of a minute."""
    return Schedule(expressions=expressions, zone="UTC", enabled=enabled, timeout_seconds=60)


def test_several_expressions_are_due_at_the_first() -> None:
    """And the most frequent gives the period."""
    both = schedule("0 2 * * *", "0 14 * * 0")
    assert both.next_after(at("2026-01-04 03:00")) == at("2026-01-04 14:00")
    assert both.period(at("2026-01-04 03:00")) == 24 * 3600


@pytest.mark.parametrize("off", [schedule(), schedule("* * * * *", enabled=False)])
def test_what_is_off_is_never_due(off: Schedule) -> None:
    """Nor late, nor expected."""
    now = at("2026-01-01")
    assert off.next_after(now) is None
    assert off.patience(now) is None
    assert off.missed_since(at("2020-01-01"), now) is None


def test_a_run_is_missed_once_the_grace_is_over() -> None:
    """A minute after it was due; the first one missed is told."""
    daily = schedule("0 9 * * *")
    seen = at("2026-01-01 09:00:10")
    assert daily.missed_since(seen, at("2026-01-02 09:00:30")) is None
    assert daily.missed_since(seen, at("2026-01-02 09:01")) == at("2026-01-02 09:00")
    assert daily.missed_since(seen, at("2026-01-09 09:01")) == at("2026-01-02 09:00")
