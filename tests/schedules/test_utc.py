"""Expressions for schedulers that know UTC and plain cron"""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maintcli.schedules.fields import MINUTES
from maintcli.schedules.model import Entry
from maintcli.schedules.targets.utc import Clock, in_utc
from tests.schedules.strategies import due_times, expressions, field

ANY = Clock("It")
SLOW = Clock("It", least_minutes=5)
ZONES = ["UTC", "Asia/Tokyo", "Asia/Kolkata", "America/Phoenix", "Etc/GMT+12", "Pacific/Kiritimati"]
MOMENTS = st.integers(0, 6 * 366 * 1440).map(
    lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


def entry(*crons: str, zone: str = "UTC") -> Entry:
    """An entry that is due then."""
    return Entry("a-key", "a-job", expressions=crons, zone=zone)


def coming(crons: tuple[str, ...], zone: str, after: datetime, count: int) -> list[datetime]:
    """The next times of all of them together."""
    times = {when for one in crons for when in due_times(one, zone, after, count)}
    return sorted(times)[:count]


@settings(deadline=None, max_examples=200)
@given(
    expressions,
    st.sampled_from(ZONES),
    MOMENTS,
)
def test_it_is_due_at_the_same_times_or_left_out(cron: str, zone: str, after: datetime) -> None:
    """Whatever is said in UTC is due when the declaration is, to the minute."""
    said, notes = in_utc(entry(cron, zone=zone), ANY)
    assert bool(said) != bool(notes)
    if said:
        assert coming(said, "UTC", after, 5) == coming((cron,), zone, after, 5)


MOVING = ["Europe/Berlin", "America/St_Johns", "Australia/Adelaide", "Australia/Lord_Howe"]
CHANGES = [  # two for each of them, in UTC: forward and back
    *("2026-03-29T01:00", "2026-10-25T01:00", "2026-03-08T05:30", "2026-11-01T04:30"),
    *("2026-10-03T16:30", "2026-04-04T16:30", "2026-10-03T15:30", "2026-04-04T15:00"),
]


@settings(deadline=None, max_examples=200)
@given(field(MINUTES), st.sampled_from(["*", "*/1", "0-23"]), st.sampled_from(MOVING))
def test_each_hour_is_each_hour_though_clocks_move(minute: str, hour: str, zone: str) -> None:
    """Where the minutes stay the same, also in the nights of the change; else it is left out."""
    said, _ = in_utc(entry(f"{minute} {hour} * * *", zone=zone), ANY)
    if minute.startswith("*/") and 30 % int(minute[2:]) == 0:
        assert said
    for change in CHANGES if said else ():
        before = datetime.fromisoformat(f"{change}+00:00") - timedelta(hours=3)
        there = coming((f"{minute} {hour} * * *",), zone, before, 20)
        assert coming(said, "UTC", before, 20) == there


@settings(deadline=None, max_examples=200)
@given(expressions, MOMENTS)
def test_nothing_comes_sooner_than_the_scheduler_can(cron: str, after: datetime) -> None:
    """What is rendered for a scheduler with a least period keeps to that."""
    said, _ = in_utc(entry(cron), SLOW)
    times = coming(said, "UTC", after, 20)
    assert all(b - a >= timedelta(minutes=5) for a, b in pairwise(times))


@pytest.mark.parametrize(
    ("cron", "zone", "said"),
    [
        ("*/5 * * * *", "UTC", ("*/5 * * * *",)),
        ("0 2 * * sun", "UTC", ("0 2 * * 0",)),
        ("0 2 * * 7", "UTC", ("0 2 * * 0",)),
        ("0 2 */1 * 5", "UTC", ("0 2 * * 5",)),
        ("0 2 * * *", "Asia/Kolkata", ("30 20 * * *",)),
        ("0 2 * * 1", "Asia/Tokyo", ("0 17 * * 0",)),
        ("0 12 1 * *", "Asia/Tokyo", ("0 3 1 * *",)),
    ],
)
def test_plain_cron_in_utc(cron: str, zone: str, said: tuple[str, ...]) -> None:
    """Numbers only, 0 for Sunday, the day before where it is that."""
    assert in_utc(entry(cron, zone=zone), SLOW) == (said, ())


@pytest.mark.parametrize(
    ("cron", "zone", "sentence"),
    [
        ("* * * * *", "UTC", "every 5 minutes, so '* * * * *' is left out; the nearest is"),
        ("* * * * *", "UTC", 'the nearest is "*/5 * * * *".'),
        ("*/2 9-17 * * *", "UTC", 'the nearest is "*/6 9-17 * * *".'),
        ("58,59 * * * *", "UTC", 'the nearest is "58 * * * *".'),
        ("0,58 * * * *", "UTC", 'the nearest is "0 * * * *".'),
        ("30 2 * * *", "Europe/Berlin", '"30 1 * * *" in UTC, which is right in January.'),
        ("30 2 * * *", "Europe/London", 'the nearest is "30 2 * * *" in UTC'),
        ("30 2 * * *", "Australia/Adelaide", "a time of your own choice"),
        ("0 2 1 * *", "Asia/Tokyo", "a time of your own choice"),
        ("0 2 L * *", "UTC", "It knows no last or nth day, so '0 2 L * *' is left out"),
        ("0 2 * * 5#2", "UTC", "the nearest is the 28th"),
        ("0 2 */2 * 5", "UTC", "in '0 2 */2 * 5' both days have to match"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_left_out_with_the_nearest(
    cron: str, zone: str, sentence: str
) -> None:
    """One sentence, which names the entry and what comes nearest."""
    said, (note,) = in_utc(entry(cron, zone=zone), SLOW)
    assert said == ()
    assert sentence in str(note)
    assert str(note).startswith("a-key: ")


def test_the_rest_of_an_entry_stays() -> None:
    """One expression that cannot be said takes no other with it."""
    said, notes = in_utc(entry("* * * * *", "7 3 * * *"), SLOW)
    assert said == ("7 3 * * *",)
    assert len(notes) == 1
