"""When a cron expression is due"""

from datetime import UTC, datetime

import pytest

from maintcli.schedules import cron
from maintcli.schedules.due import Schedule
from tests.schedules.strategies import due_times


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
    with pytest.raises(ValueError, match="is not a cron expression"):
        cron.next_time(expression, "UTC", at("2026-01-01"))


@pytest.mark.parametrize(
    ("expression", "clause"),
    [
        ("*/99999999999999999999 * * * *", "a number of more than four digits"),
        (f"{'9' * 5000} * * * *", "a number of more than four digits"),
        (f"* * * * mon#{'9' * 5000}", "a number of more than four digits"),
        ("*/61 * * * *", "a step of 61 where there are 60; take a smaller one"),
        ("0 1-5/25 * * *", "a step of 25 where there are 24"),
        ("0 0 */32 * *", "a step of 32"),
        ("0 0 1 */13 *", "a step of 13"),
        ("0 0 * * */8", "a step of 8 where there are 7"),
    ],
)
def test_a_number_that_cannot_be_meant(expression: str, clause: str) -> None:
    """The library takes it for the first value alone, or fails in its own words."""
    with pytest.raises(ValueError, match=clause) as caught:
        cron.next_time(expression, "UTC", at("2026-01-01"))
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize("step", ["*/60 * * * *", "0 */24 * * *", "0 0 */31 * *", "0 0 1 */12 *"])
def test_a_step_as_long_as_its_field_is_the_first_value(step: str) -> None:
    """As people write each hour, or each day."""
    assert cron.next_time(step, "UTC", at("2025-12-31 23:30")) == at("2026-01-01")


@pytest.mark.parametrize(
    ("expression", "dues"),
    [
        ("0 2 1 * */3,7", ["2026-02-01", "2026-03-01", "2026-04-01"]),  # the 1st, if such a day
        ("0 2 1 * */3,5-7", ["2026-02-01", "2026-03-01", "2026-04-01"]),
        ("0 2 * * 4/3", ["2026-01-01", "2026-01-04", "2026-01-08"]),  # Thursday and Sunday
        ("0 2 * * 7/2", ["2026-01-04", "2026-01-11", "2026-01-18"]),
    ],
)
def test_sunday_as_7(expression: str, dues: list[str]) -> None:
    """It counts as the last day too, and takes no star away, with which both days must match."""
    found = due_times(expression, "UTC", at("2025-12-31 12:00"), 3)
    assert found == [at(f"{due} 02:00") for due in dues]


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
