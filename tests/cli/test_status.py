"""maint status"""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.parts.enabled import enable
from tests.parts.inside import Inside
from tests.parts.ledger import Conn, beat, lease, run_was

FIELDS = {
    "name",
    "last_heartbeat",
    "runner_id",
    "last_success_at",
    "consecutive_failures",
    "last_error",
    "last_error_at",
}


def job(inside: Inside, name: str = "cleanup-sessions") -> dict[str, Any]:
    """What `status --json` says of one job."""
    (found,) = [job for job in inside("status", "--json").json["jobs"] if job["name"] == name]
    return dict(found)


def test_every_heartbeat_field_is_shown(inside: Inside, conn: Conn) -> None:
    """The columns of job_heartbeats by their names, and who ran the last job."""
    beat(conn, consecutive_failures=3, last_error="no disk", last_error_at="2026-01-01Z")
    beat(conn, "jobs-runner", ago="5 h")
    run_was(conn, "failed")
    found = job(inside)
    assert found.keys() >= FIELDS
    assert found["consecutive_failures"] == 3
    assert found["last_error"] == "no disk"
    assert found["last_error_at"] == "2026-01-01T00:00:00.000Z"
    assert inside("status", "--json").json["jobs_runner"]["runner_id"] == "runner-7"
    text = inside("status").out
    assert "no disk" in text
    assert "Last run of any job: 5 h ago, on runner-7." in text


def test_one_job_alone(inside: Inside, conn: Conn) -> None:
    """Enabled or not, seen or not; its lines are of it alone."""
    (inside.folder / "maint.toml").write_text(enable("cleanup-sessions"))
    beat(conn, last_error="no disk", last_error_at="2026-01-01Z")
    beat(conn, "gone-job", last_error="no air", last_error_at="2026-01-01Z")
    for name in ("cleanup-sessions", "gone-job", "cleanup-orphans"):
        assert [job["name"] for job in inside("status", name, "--json").json["jobs"]] == [name]
    text = inside("status", "cleanup-sessions").out
    assert "no disk" in text
    assert "gone-job" not in text


def test_an_unknown_job_is_wrong_usage(inside: Inside) -> None:
    """With what may have been meant."""
    result = inside("status", "cleanup-sesions")
    assert (result.code, result.out) == (2, "")
    assert "did you mean cleanup-sessions?" in result.err


def test_what_runs_now_is_shown_with_its_lease(inside: Inside, conn: Conn) -> None:
    """Since when, which run, until when the lease lasts."""
    beat(conn)
    run_id = run_was(conn, "running", ago="10 s")
    lease(conn, run_id, left="1 min")
    found = job(inside)
    assert found["state"] == "running"
    assert found["running"]["run_id"] == run_id
    assert found["running"]["lease_expires_at"] > found["running"]["since"]
    assert found["lost"] == []
    assert f"run {run_id} since" in inside("status").out


def test_a_run_whose_lease_has_ended_is_lost_and_stays_as_it_is(inside: Inside, conn: Conn) -> None:
    """status says so and writes nothing; history and list agree."""
    beat(conn)
    run_id = run_was(conn, "running", ago="10 min")
    lease(conn, run_id, left="-1 s")
    found = job(inside)
    assert found["running"] is None
    assert [run["run_id"] for run in found["lost"]] == [run_id]
    assert (found["last_outcome"], found["consecutive_failures"]) == ("lost", 1)
    shown = inside("status").out
    assert f"lost: run {run_id}" in shown
    (line,) = [one for one in shown.splitlines() if one.startswith(f"{found['name']} ")]
    assert " 1 " in line
    assert inside("history", "--json").json["runs"][0]["outcome"] == "lost"
    assert conn.execute("SELECT outcome FROM job_runs").fetchall() == [("running",)]


def test_a_job_that_did_not_come_is_late(inside: Inside, conn: Conn) -> None:
    """Late since the first due time that nothing followed, once the job is enabled."""
    beat(conn, ago="1 h")
    run_was(conn, "success", ago="1 h")
    found = job(inside)
    assert (found["state"], found["late_since"]) == ("success", None)
    (inside.folder / "maint.toml").write_text(enable("cleanup-sessions"))
    found = job(inside)
    assert found["state"] == "late"
    row = conn.execute("SELECT max(started_at) FROM job_runs").fetchone()
    assert row is not None
    after = datetime.fromisoformat(found["late_since"]) - row[0]
    assert timedelta(0) < after <= timedelta(minutes=5)

    assert "late: nothing ran when it was due" in inside("status").out


def test_a_job_that_came_is_not_late(inside: Inside, conn: Conn) -> None:
    """Nor is one that is paused."""
    (inside.folder / "maint.toml").write_text(enable("cleanup-sessions"))
    beat(conn, ago="1 s")
    run_was(conn, "success", ago="1 s")
    assert job(inside)["late_since"] is None
    beat(conn, ago="1 d", paused_at="2026-01-01Z", paused_by="ann@web", pause_reason="migration")
    found = job(inside)
    assert found["late_since"] is None
    assert found["state"] == "paused"
    assert found["paused"] == {
        "since": "2026-01-01T00:00:00.000Z",
        "by": "ann@web",
        "why": "migration",
        "until": None,
    }
    assert "paused since 2026-01-01 00:00 UTC by ann@web: migration" in inside("status").out


def test_a_scheduled_job_never_seen_says_so(inside: Inside) -> None:
    """Nothing in the tables is not nothing to say; of what nobody enabled nothing is said."""
    assert inside("status", "--json").json["jobs"] == []
    assert inside("status").out.startswith("No job is enabled.")
    (inside.folder / "maint.toml").write_text(enable("cleanup-sessions"))
    assert job(inside)["state"] == "never seen"
    assert "cleanup-sessions: scheduled, but never seen to run" in inside("status").out


def test_a_job_that_is_no_longer_installed_is_still_shown(inside: Inside, conn: Conn) -> None:
    """Its row says more than its absence would."""
    beat(conn, "old-plugin-job")
    assert job(inside, "old-plugin-job")["schedule"] is None
    assert "old-plugin-job: in the database alone" in inside("status").out


def test_times_are_utc_whatever_the_role_is_set_to(inside: Inside, conn: Conn) -> None:
    """A database in another zone answers in its own; we do not."""
    beat(conn, last_success_at="2026-07-01 12:00Z")
    database = conn.info.dbname
    conn.execute(f"ALTER DATABASE {database} SET timezone = 'Asia/Tokyo'")  # type: ignore[arg-type]
    assert job(inside)["last_success_at"] == "2026-07-01T12:00:00.000Z"


@pytest.mark.parametrize("evil", ["\x1b[2J\x1b]0;owned\x07", "[red]not markup[/red]\u202e"])
def test_text_from_the_database_cannot_drive_the_terminal(
    inside: Inside, conn: Conn, evil: str
) -> None:
    """Control and formatting characters are replaced."""
    beat(conn, last_error=evil, last_error_at="2026-01-01Z", runner_id=evil)
    text = inside("status").out
    assert not set(text) & {"\x1b", "\x07", "\u202e"}
    assert ("[red]not markup[/red]" in text) == ("red" in evil)


def test_without_our_tables_it_says_how_to_make_them(inside: Inside, bare_db: str) -> None:
    """78, and the command to run; nothing on standard output."""
    for arguments in (("status",), ("history",), ("show", "0"), ("pause", "cleanup-sessions")):
        result = inside(*arguments, env={"DATABASE_URL": bare_db})
        assert (result.code, result.out) == (78, "")
        assert "maint db migrate" in result.err
        assert "--no-ledger" not in result.err
