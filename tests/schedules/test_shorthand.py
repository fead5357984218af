"""every = "15m", and H"""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maintcli.config.duration import duration
from maintcli.schedules import cron, shorthand
from tests.schedules.strategies import due_times, keys

EXACT = (
    "1m",
    "2m",
    "5m",
    "12m",
    "15m",
    "30m",
    "60m",
    "1h",
    "2h",
    "6h",
    "12h",
    "24h",
    "1d",
    "7d",
    "1w",
)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.sampled_from(EXACT), keys)
def test_it_is_due_exactly_so_often(text: str, key: str) -> None:
    """Over any turn of an hour, a day and a week, and at a moment of its own."""
    expression = shorthand.resolve(shorthand.from_every(text), key)
    times = due_times(expression, "UTC", NOW, 100)
    gaps = {(b - a).total_seconds() for a, b in pairwise(times)}
    assert gaps == {duration(text).seconds}


@pytest.mark.parametrize(("text", "months"), [("1mo", 1), ("3mo", 3), ("1y", 12)])
def test_months_are_calendar_months(text: str, months: int) -> None:
    """On the same day of each."""
    times = due_times(shorthand.resolve(shorthand.from_every(text), "nightly"), "UTC", NOW, 20)
    assert len({(time.day, time.hour, time.minute) for time in times}) == 1
    numbers = [time.year * 12 + time.month for time in times]
    assert {b - a for a, b in pairwise(numbers)} == {months}


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("7m", "cron cannot say each 7m evenly; the nearest that it can are 6m and 10m"),
        ("36h", "cron cannot say each 36h evenly; the nearest that it can are 24h and 7d"),
        ("5h", "the nearest that it can are 4h and 6h"),
        ("90s", "cron cannot say each 90s evenly; the nearest that it can are 60s and 2m"),
        ("30s", "30s is too often: no cron starts anything more than once a minute; take 1m"),
        ("0", "0s is too often"),
        ("-5m", "-5m is too often"),
        ("2y", "2y is too seldom for cron, which knows no years; take 1y"),
        ("often", "'often' is not a duration"),
    ],
)
def test_what_no_expression_says_is_refused(text: str, clause: str) -> None:
    """With the nearest that one does; nothing is rounded unseen."""
    with pytest.raises(ValueError, match=clause.replace("(", r"\(")):
        shorthand.from_every(text)


@pytest.mark.parametrize("text", ["90m", "40m", "45m"])
def test_several_expressions_may_say_it(text: str) -> None:
    """What the sentence proposes for 90m is due each 90 minutes."""
    with pytest.raises(ValueError, match="write schedule = ") as caught:
        shorthand.from_every(text)
    listed = str(caught.value).partition(" = ")[2]
    proposed = [part for part in listed.split('"') if "*" in part]
    times = sorted(t for one in proposed for t in due_times(one, "UTC", NOW, 50))[:50]
    assert {(b - a).total_seconds() for a, b in pairwise(times)} == {duration(text).seconds}


@pytest.mark.parametrize(
    ("expression", "within"),
    [
        ("H * * * *", lambda t: t.minute < 60),
        ("H H(0-7) * * *", lambda t: t.hour <= 7),
        ("H(0-29)/10 * * * *", lambda t: t.minute <= 29),
        ("0 0 H * *", lambda t: t.day <= 28),
        ("H H * * THU", lambda t: t.isoweekday() == 4),
        ("5,H(30-59) * * * *", lambda t: t.minute == 5 or t.minute >= 30),
    ],
)
def test_h_stays_within_its_field(expression: str, within: object) -> None:
    """For any key; and different keys have different moments."""
    assert callable(within)
    found = {key: shorthand.resolve(expression, key) for key in (f"job-{n}" for n in range(200))}
    for one in found.values():
        assert all(within(time) for time in due_times(one, "UTC", NOW, 10))
    assert len(set(found.values())) > 5


@given(keys, st.integers(1, 60))
def test_h_with_a_step_goes_round(key: str, step: int) -> None:
    """The first is below the step, so that no hour lacks one."""
    found = shorthand.resolve(f"H/{step} * * * *", key)
    first = cron.next_time(found, "UTC", NOW - timedelta(seconds=1))
    assert first is not None
    assert (first.hour, first.minute) < (0, step)


@given(keys, st.sampled_from(["H", "H/15", "H/30", "H(0-29)/10", "H,H(0-9)"]))
def test_a_hashed_minute_is_none_of_everybody(key: str, minute: str) -> None:
    """At 0 and 30 most people's jobs start; only who asks for no other gets them."""
    found = due_times(shorthand.resolve(f"{minute} * * * *", key), "UTC", NOW, 10)
    assert not {0, 30} & {time.minute for time in found}
    assert shorthand.resolve("H(30-30) * * * *", key) == "30 * * * *"


def test_a_hash_is_for_good() -> None:
    """Else each upgrade would move the jobs of everybody."""
    assert shorthand.resolve("H H(0-7) H H H", "cleanup-sessions") == "8 5 26 11 6"
    assert shorthand.resolve("H/15 * * * *", "cleanup-sessions") == "14-59/15 * * * *"
    assert shorthand.resolve("0 2 * * THU", "x") == "0 2 * * THU"


@pytest.mark.parametrize(
    ("expression", "clause"),
    [
        ("HH * * * *", "'HH' is not a valid H"),
        ("H(0-70) * * * *", r"'H\(0-70\)' goes from 0 to 70; stay within 0 to 59"),
        ("H(9-3) * * * *", r"'H\(9-3\)' goes from 9 to 3"),
        ("H/0 * * * *", "'H/0' has a step of 0; take 1 to 60"),
        ("H/61 * * * *", "'H/61' has a step of 61"),
        ("0 0 H(1-31) * *", "stay within 1 to 28"),
    ],
)
def test_what_is_no_h(expression: str, clause: str) -> None:
    """A clause that says what to write."""
    with pytest.raises(ValueError, match=clause):
        shorthand.resolve(expression, "nightly")
