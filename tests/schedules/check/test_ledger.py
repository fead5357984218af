"""The declaration held against the runs that the ledger has seen"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from maintcli.runtime.heartbeats import Came, Looked, Seen
from maintcli.schedules.check.files import Finding
from maintcli.schedules.check.ledger import check, horizon
from maintcli.schedules.model import Entry

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)  # a Wednesday
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
DAILY = Entry("orphans", "cleanup-orphans", expressions=("0 4 * * *",))
WEEKLY = Entry("weekly", "cleanup-orphans", expressions=("0 4 * * 0",))
OFTEN = Entry("sessions", "cleanup-sessions", expressions=("*/5 * * * *",))
LONG_AGO = NOW - 300 * DAY


def came(ago: timedelta, origin: str = "cron", took: timedelta = MINUTE) -> Came:
    """A run that began so long ago."""
    return Came(origin, NOW - ago, NOW - ago + took)


def found(
    entry: Entry,
    seen: Seen,
    *,
    made_at: datetime = LONG_AGO,
    since: datetime | None = LONG_AGO,
    last_other: datetime | None = None,
) -> list[Finding]:
    """What is said of one job."""
    looked = Looked(NOW, made_at, since, last_other, {entry.job: seen})
    return [*check({entry.job: [entry]}, looked)]


def kinds(*args: object, **more: object) -> list[str]:
    """Only of which kind."""
    return [one.kind.value for one in found(*args, **more)]  # type: ignore[arg-type]


def test_what_came_in_time_is_fine() -> None:
    """Also a run that was started a moment before its time by another clock, and one that goes on."""
    assert found(DAILY, Seen(came(8 * HOUR))) == []
    assert found(DAILY, Seen(came(8 * HOUR + timedelta(seconds=1)))) == []
    assert found(OFTEN, Seen(came(3 * HOUR, took=3 * HOUR - 4 * MINUTE))) == []
    assert found(OFTEN, Seen(Came("cron", NOW - DAY, None), is_running=True)) == []


def test_what_did_not_come_is_late() -> None:
    """With the time that it was due, and when and by whom it was started last."""
    (one,) = found(DAILY, Seen(came(32 * HOUR, "kubernetes")))
    assert (one.kind, one.key) == ("late", "cleanup-orphans")
    assert one.what == (
        "it was due at 2026-03-04 04:00 UTC; a scheduler last started it at 2026-03-03 04:00 UTC"
        " (kubernetes)"
    )
    assert kinds(OFTEN, Seen(came(8 * MINUTE))) == ["late"]
    assert kinds(OFTEN, Seen(came(6 * MINUTE))) == []


def test_a_minute_is_granted_and_an_hour_to_github() -> None:
    """Which starts late at busy times."""
    now_due = OFTEN._replace(expressions=("0 12 * * *",))
    assert kinds(now_due, Seen(came(DAY))) == []
    assert kinds(OFTEN, Seen(came(50 * MINUTE, "github"))) == []
    assert kinds(OFTEN, Seen(came(2 * HOUR, "github"))) == ["late"]


def test_a_run_by_hand_is_no_scheduler() -> None:
    """But while it goes on, the scheduler's run is skipped."""
    by_hand = came(5 * HOUR, "manual")
    assert kinds(DAILY, Seen(came(32 * HOUR), by_hand)) == ["late"]
    assert kinds(DAILY, Seen(came(32 * HOUR), came(9 * HOUR, "manual", 2 * HOUR))) == []
    (one,) = found(DAILY, Seen(None, by_hand))
    assert one.kind == "never ran"
    assert "no scheduler has ever started it; by hand it ran at 2026-03-04 07:00" in one.what


def test_what_was_never_due_has_not_failed_to_run() -> None:
    """Since the tables were made, or since this configuration is known to be in force."""
    assert kinds(WEEKLY, Seen()) == ["never ran"]
    assert kinds(WEEKLY, Seen(), made_at=NOW - 2 * DAY, since=None) == ["noted"]
    assert kinds(WEEKLY, Seen(), made_at=NOW - 4 * DAY, since=None) == ["never ran"]
    assert kinds(WEEKLY, Seen(), since=NOW - DAY) == ["noted"]
    assert kinds(WEEKLY, Seen(), since=NOW - 4 * DAY, last_other=NOW) == ["never ran"]
    (one,) = found(OFTEN, Seen(), made_at=NOW - 30 * MINUTE, since=None)
    assert (one.kind, one.what) == ("noted", "no scheduler has started one yet; none is overdue")


def test_a_configuration_that_no_run_had_is_said() -> None:
    """It counts from the newest run, which had another."""
    assert kinds(WEEKLY, Seen(), since=None, last_other=NOW - MINUTE) == ["noted"]
    assert kinds(WEEKLY, Seen(), since=None, last_other=NOW - 4 * DAY) == ["never ran", "noted"]


def test_a_new_schedule_is_not_late_at_once() -> None:
    """What was weekly until yesterday need not have run today."""
    often = WEEKLY._replace(expressions=("0 4 * * *",))
    assert kinds(often, Seen(came(5 * DAY)), since=NOW - HOUR) == []
    assert kinds(often, Seen(came(5 * DAY)), since=NOW - DAY) == ["late"]


def test_a_paused_job_is_said_and_no_drift() -> None:
    """Nobody expects it."""
    (one,) = found(DAILY, Seen(paused="since yesterday by me: why"))
    assert (one.kind.is_drift, one.what) == (False, "paused since yesterday by me: why")


def runs(*pairs: tuple[str, float]) -> tuple[Came, ...]:
    """By origin and minutes ago, the newest first."""
    return tuple(came(ago * MINUTE, origin) for origin, ago in sorted(pairs, key=lambda p: p[1]))


@pytest.mark.parametrize(
    ("recent", "expected"),
    [
        ((("cron", 1), ("kubernetes", 2), ("cron", 6), ("kubernetes", 7)), ["two schedulers"]),
        ((("cron", 1), ("cron", 6), ("kubernetes", 11), ("kubernetes", 16)), []),
        ((("cron", 1), ("kubernetes", 4), ("cron", 6)), []),
        ((("cron", 1), ("github", 300), ("cron", 400), ("github", 500)), []),
        ((("cron", 1), ("cron", 6)), []),
    ],
    ids=["both", "moved", "once by the other", "no longer", "one"],
)
def test_two_schedulers_alternate(recent: Sequence[tuple[str, float]], expected: list[str]) -> None:
    """A move from the one to the other, or a single start, is none."""
    ran = runs(*recent)
    assert kinds(OFTEN, Seen(ran[0], recent=ran)) == expected


def test_the_time_that_is_looked_at_is_bounded() -> None:
    """Four periods, a day at least."""
    assert horizon([OFTEN], NOW) == DAY
    assert horizon([WEEKLY], NOW) == 28 * DAY
    assert horizon([WEEKLY, OFTEN], NOW) == DAY
