"""status, readyz and list expect what [[schedules]] starts"""

from typing import Any

import pytest

from tests.parts.inside import Inside
from tests.parts.ledger import Conn, beat, run_was

JOB = "cleanup-sessions"
OFF = f"[jobs.{JOB}]\nenabled = false\n"
OWN = f'[jobs.{JOB}]\nschedule = "7 3 * * *"\n'
EXTRA = f'[[schedules]]\njob = "{JOB}"\nname = "more"\nevery = "10m"\n'
DRY = f'{EXTRA}options = ["--dry-run"]\n'
DAY, PATIENCE = 86400 + 120, 600 + 120


def write(inside: Inside, text: str) -> None:
    """Make that the maint.toml."""
    (inside.folder / "maint.toml").write_text(text)


def threshold(inside: Inside, *arguments: str) -> float | None:
    """What `readyz` lets a success of the job be old, in seconds; None where it expects none."""
    checks = inside("readyz", "--json", *arguments).json["checks"]
    found = [check["threshold_seconds"] for check in checks if check["name"] == JOB]
    return found[0] if found else None


def job(inside: Inside, command: str) -> dict[str, Any]:
    """What `list` or `status` says of it."""
    more = ("--all",) if command == "list" else ()
    (found,) = [one for one in inside(command, "--json", *more).json["jobs"] if one["name"] == JOB]
    return dict(found)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (OFF + EXTRA, PATIENCE),
        (OWN, DAY),
        (OWN + EXTRA, PATIENCE),
        (f"{OWN}{EXTRA.replace('10m', '1w')}", DAY),
        (f"{OWN}{EXTRA}enabled = false\n", DAY),
        (OWN + DRY, DAY),
        (OFF + DRY, None),
        (f'{OWN}options = "--dry-run"\n{EXTRA}', PATIENCE),
        (f'{OWN}options = "--no-ledger"\n', None),
        (f'{OWN}{EXTRA}options = "--timeout 5m"\n', PATIENCE - 60 + 300),
    ],
)
def test_the_most_frequent_real_entry_counts(
    inside: Inside, text: str, seconds: float | None
) -> None:
    """A dry run leaves no heartbeat, and a run without ledger none, so neither is expected."""
    write(inside, text)
    assert threshold(inside) == seconds


def test_a_run_elsewhere_is_not_expected_here(inside: Inside) -> None:
    """Only of the database that an entry names."""
    elsewhere = f'{EXTRA}options = "--database other"\n[databases.other]\nurl = "env:OTHER"\n'
    inside.env["OTHER"] = inside.env["DATABASE_URL"]
    write(inside, OFF + elsewhere)
    assert threshold(inside) is None
    assert threshold(inside, "--database", "other") == PATIENCE
    write(inside, OFF + elsewhere.replace("--database other", "--database all"))
    assert threshold(inside) == PATIENCE + 60  # there are two of them


@pytest.mark.parametrize(("text", "is_late"), [(OFF + EXTRA, True), (OFF + DRY, False)])
def test_status_says_when_an_entry_does_not_come(
    inside: Inside,
    conn: Conn,
    text: str,
    is_late: bool,  # noqa: FBT001
) -> None:
    """As of a job with a schedule of its own; the coming time is the entry's."""
    beat(conn, ago="1 h")
    run_was(conn, "success", ago="1 h")
    write(inside, text)
    found = job(inside, "status")
    assert (found["state"] == "late") == is_late
    assert (found["next_run_at"] is not None) == is_late


def test_list_shows_the_entry_of_a_job_without_a_schedule(inside: Inside) -> None:
    """Its own where it has one; an entry that only looks is below, and not in the job's row."""
    write(inside, OFF + EXTRA)
    found = job(inside, "list")
    assert (found["enabled"], found["when"][:16]) == (True, "every 10 minutes")
    write(inside, OWN + EXTRA)
    assert job(inside, "list")["when"] == "daily at 03:07"
    write(inside, OFF + DRY)
    assert job(inside, "list")["enabled"] is False
    assert inside("list", "--json").json["schedules"][0]["entry"] == "more"
