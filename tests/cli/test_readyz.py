"""maint readyz"""

import os
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.parts.enabled import enable
from tests.parts.inside import Inside
from tests.parts.ledger import Conn, beat, run_was

JOB = "cleanup-sessions"
REQUIRED = [{"JOBS_ENABLED": "true"}, {"JOB_HEARTBEAT_REQUIRED": "1"}]


def test_the_check_jobs_has_the_promised_shape(inside: Inside, conn: Conn) -> None:
    """status, checks; the first check is jobs, with age, threshold and runner."""
    beat(conn, "jobs-runner", ago="10 s")
    result = inside("readyz", "--json")
    assert result.code == 0
    assert result.json["status"] == "ok"
    jobs = result.json["checks"][0]
    assert jobs["name"] == "jobs"
    assert jobs["ok"] is True
    assert 9 < jobs["age_seconds"] < jobs["threshold_seconds"]
    assert jobs["runner_id"] == "runner-7"


def made(conn: Conn, ago: str) -> None:
    """The toolkit's tables were made so long ago."""
    conn.execute("UPDATE maint_migrations SET applied_at = now() - %s::interval", [ago])


def named(inside: Inside, *names: str, ago: float = 0) -> None:
    """Enable these jobs, so many seconds ago; one each five minutes without names."""
    file = inside.folder / "maint.toml"
    file.write_text(enable(*names or (JOB,)))
    moment = time.time() - ago
    os.utime(file, (moment, moment))


def said(inside: Inside, *arguments: str, **env: str) -> tuple[int, str, dict[str, bool]]:
    """Exit code, status, and whether each check is ok."""
    result = inside("readyz", "--json", *arguments, env=env)
    found = {check["name"]: check["ok"] for check in result.json["checks"]}
    return result.code, result.json["status"], found


def test_the_threshold_follows_the_schedules(inside: Inside) -> None:
    """180 s, or the shortest period with its timeout and a minute where that is longer."""

    def threshold(**env: str) -> float:
        found = inside("readyz", "--json", env=env).json["checks"][0]["threshold_seconds"]
        return float(found)

    assert threshold() == 180
    named(inside, JOB, "cleanup-orphans")
    assert threshold() == 300 + 60 + 60
    assert threshold(MAINT_CLEANUP_SESSIONS_TIMEOUT="10m") == 300 + 600 + 60
    assert threshold(JOB_HEARTBEAT_TTL_SECONDS="90") == 90
    named(inside, "cleanup-orphans")
    assert threshold() == 86400 + 1800 + 60


def test_without_an_enabled_job_no_run_is_expected(inside: Inside, conn: Conn) -> None:
    """Not of what was run by hand, failures included, however long ago that is."""
    made(conn, "1 y")
    assert said(inside) == (0, "ok", {"jobs": True})
    beat(conn, "jobs-runner", ago="1 y")
    beat(conn, ago="1 y", consecutive_failures=3)
    assert said(inside) == (0, "ok", {"jobs": True})
    assert "no job is enabled, so no run is expected" in inside("readyz").out


@pytest.mark.parametrize("env", REQUIRED)
def test_a_run_may_be_required_where_no_job_is_enabled(
    inside: Inside, conn: Conn, env: dict[str, str]
) -> None:
    """By a variable that is true: never seen, or too long ago, is 1."""
    assert said(inside, **env) == (1, "stale", {"jobs": False})
    assert "STALE  jobs: no run was ever seen" in inside("readyz", env=env).out
    beat(conn, "jobs-runner", ago="1 h")
    assert said(inside, **env) == (1, "stale", {"jobs": False})
    beat(conn, "jobs-runner", ago="1 min")
    assert said(inside, **env) == (0, "ok", {"jobs": True})


@pytest.mark.parametrize("variable", ["JOBS_ENABLED", "JOB_HEARTBEAT_REQUIRED"])
def test_a_place_without_a_runner_says_so(inside: Inside, variable: str) -> None:
    """False turns the checks off, and no database is asked; where the other is true, that counts."""
    named(inside)
    nowhere = {variable: "false", "DATABASE_URL": "postgresql://u@/d?host=/nowhere"}
    assert said(inside, **nowhere) == (0, "off", {"jobs": True})
    assert f"{variable} is false" in inside("readyz", env=nowhere).out
    both = {"JOBS_ENABLED": "true", "JOB_HEARTBEAT_REQUIRED": "true", variable: "false"}
    assert said(inside, **both)[:2] == (1, "stale")


def test_runs_that_stop_are_seen_without_any_variable(inside: Inside, conn: Conn) -> None:
    """A job is enabled, and nothing has run for 30 days: 1."""
    named(inside)
    for job in (JOB, "jobs-runner"):
        beat(conn, job, ago="1 min")
    assert said(inside) == (0, "ok", {"jobs": True, JOB: True})
    for job in (JOB, "jobs-runner"):
        beat(conn, job, ago="30 d")
    assert said(inside) == (1, "stale", {"jobs": False, JOB: False})


def test_each_enabled_job_is_judged_by_its_last_success(inside: Inside, conn: Conn) -> None:
    """However well the others do; --only jobs leaves them out."""
    named(inside)
    beat(conn, "jobs-runner", ago="1 min")
    beat(conn, ago="1 d")
    assert said(inside) == (1, "stale", {"jobs": True, JOB: False})
    assert said(inside, "--only", "jobs") == (0, "ok", {"jobs": True})
    beat(conn, ago="1 d", paused_at="2026-01-01Z")
    assert said(inside) == (0, "ok", {"jobs": True, JOB: True})
    assert "paused" in inside("readyz").out


def test_a_job_that_is_not_enabled_does_not_count(inside: Inside, conn: Conn) -> None:
    """Beside one that is: whatever became of it by hand, or before it was taken out."""
    named(inside)
    for job in (JOB, "jobs-runner"):
        beat(conn, job, ago="1 min")
    beat(conn, "cleanup-orphans", ago="1 y", consecutive_failures=9)
    assert said(inside) == (0, "ok", {"jobs": True, JOB: True})
    (inside.folder / "maint.toml").write_text(
        f"[jobs.{JOB}]\n[jobs.cleanup-orphans]\nenabled = false\n"
    )
    assert said(inside) == (0, "ok", {"jobs": True, JOB: True})


def test_what_the_file_makes_counts_as_well(inside: Inside, conn: Conn) -> None:
    """Sweeps, rules of retention, triggers and further schedules name themselves."""
    (inside.folder / "maint.toml").write_text(
        "[sweeps.old-mail]\ntable = 'mail'\ncolumn = 'sent_at'\nkeep = '90d'\nevery = '1h'\n"
        "[[retention]]\ntable = 'mail'\ncolumn = 'sent_at'\nkeep = '1y'\n"
        "[triggers.ping]\nurl = 'http://127.0.0.1:9'\nauth = 'none'\nevery = '5m'\n"
        f"[[schedules]]\nname = 'again'\njob = '{JOB}'\nevery = '1d'\n"
    )
    moment = time.time() - 30 * 86400
    os.utime(inside.folder / "maint.toml", (moment, moment))
    made(conn, "1 y")
    jobs = dict.fromkeys(("jobs", JOB, "retention-cleanup", "old-mail", "trigger-ping"), False)
    assert said(inside) == (1, "stale", jobs)


def test_a_job_whose_last_run_failed_says_failed(inside: Inside, conn: Conn) -> None:
    """However new its last success is; unless it is paused."""
    named(inside)
    beat(conn, "jobs-runner", ago="1 min")
    beat(conn, ago="1 min", consecutive_failures=2)
    assert said(inside) == (1, "failed", {"jobs": True, JOB: False})
    assert f"FAILED {JOB}: " in inside("readyz").out
    assert "the last 2 runs failed" in inside("readyz").out
    beat(conn, ago="1 min", consecutive_failures=2, paused_at="2026-01-01Z")
    assert said(inside)[0] == 0


def test_a_real_failure_is_failed_and_a_success_mends_it(inside: Inside) -> None:
    """Counted by the runs themselves, a refusal of a guard among them."""
    named(inside)
    assert inside(JOB, env={"MAINT_CLEANUP_SESSIONS_STALE_AFTER": "0"}).code == 65
    assert said(inside) == (1, "failed", {"jobs": True, JOB: False})
    assert inside(JOB).code == 0
    assert said(inside) == (0, "ok", {"jobs": True, JOB: True})


def test_all_paused_expects_no_run(inside: Inside, conn: Conn) -> None:
    """Paused is said, and is not stale: neither the job, nor the runner that has nothing to do."""
    named(inside)
    beat(conn, "jobs-runner", ago="30 d")
    beat(conn, ago="30 d", paused_at="2026-01-01Z")
    assert said(inside) == (0, "ok", {"jobs": True, JOB: True})
    assert "all jobs are paused, so no run is expected" in inside("readyz").out


def test_a_job_has_its_time_since_it_was_enabled(inside: Inside, conn: Conn) -> None:
    """Since the tables were made, or the first run with this configuration, whichever is later."""
    named(inside, ago=3600)
    made(conn, "1 s")
    assert said(inside)[0] == 0
    made(conn, "1 h")
    assert said(inside) == (1, "stale", {"jobs": False, JOB: False})
    named(inside, JOB, "cleanup-orphans")
    made(conn, "1 y")
    assert inside(JOB).code == 0
    assert said(inside) == (0, "ok", {"jobs": True, JOB: True, "cleanup-orphans": True})
    assert re.search(
        r"cleanup-orphans: waiting for its first success until (\S+ )?\d\d:\d\d UTC",
        inside("readyz").out,
    )
    conn.execute("UPDATE job_runs SET started_at = started_at - interval '2 d'")
    assert said(inside) == (1, "stale", {"jobs": True, JOB: True, "cleanup-orphans": False})


def test_a_job_that_no_run_knows_has_its_time_since_the_file_changed(
    inside: Inside, conn: Conn
) -> None:
    """Whatever other jobs run meanwhile, with a configuration that differs, e.g. in a variable."""
    made(conn, "1 y")
    named(inside, JOB, "cleanup-orphans")
    assert inside(JOB, env={"MAINT_CLEANUP_SESSIONS_SHARE": "80"}).code == 0
    assert said(inside) == (0, "ok", {"jobs": True, JOB: True, "cleanup-orphans": True})
    named(inside, JOB, "cleanup-orphans", ago=2 * 86400)
    assert said(inside) == (1, "stale", {"jobs": True, JOB: True, "cleanup-orphans": False})


def test_an_unknown_check_is_wrong_usage(inside: Inside) -> None:
    """With the one that there is."""
    result = inside("readyz", "--only", "job")
    assert (result.code, result.out) == (2, "")
    assert "--only: there is no check 'job'; did you mean jobs?" in result.err


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("JOBS_ENABLED", "maybe"),
        ("JOBS_ENABLED", ""),
        ("JOB_HEARTBEAT_REQUIRED", "2"),
        ("JOB_HEARTBEAT_TTL_SECONDS", "0"),
        ("JOB_HEARTBEAT_TTL_SECONDS", "-5"),
        ("JOB_HEARTBEAT_TTL_SECONDS", "3m"),
        ("JOB_HEARTBEAT_TTL_SECONDS", " "),
    ],
)
def test_a_bad_variable_is_named(inside: Inside, variable: str, value: str) -> None:
    """78 and one sentence."""
    result = inside("readyz", env={variable: value})
    assert (result.code, result.out) == (78, "")
    assert result.err.startswith(f"maint: environment {variable}: ")
    assert result.err.count("\n") == 1


def test_an_unreachable_database_is_69_and_json_still(inside: Inside) -> None:
    """A probe that reads JSON gets its object whatever happens."""
    result = inside("readyz", "--json", env={"DATABASE_URL": "postgresql://u@/d?host=/nowhere"})
    assert result.code == 69
    assert result.json["status"] == "error"
    assert result.json["checks"][0]["ok"] is False
    assert "cannot be reached" in result.json["message"]


def test_without_our_tables_it_is_78_and_json_still(inside: Inside, bare_db: str) -> None:
    """With the command that makes them."""
    result = inside("readyz", "--json", env={"DATABASE_URL": bare_db})
    assert result.code == 78
    assert "maint db migrate" in result.json["message"]


@pytest.mark.parametrize("column", ["last_heartbeat", "last_success_at", "lease_expires_at"])
def test_times_in_the_future_are_found_until_the_next_success(
    inside: Inside, conn: Conn, column: str
) -> None:
    """What was written while the server's clock was ahead proves nothing: readyz and status fail."""
    named(inside, JOB)
    beat(conn)
    beat(conn, "jobs-runner")
    assert said(inside) == (0, "ok", {"jobs": True, JOB: True})
    assert inside("status").code == 0
    ahead: dict[str, Any] = {column: datetime.now(UTC) + timedelta(days=300)}
    beat(conn, JOB, ago="1 min", **ahead)
    assert said(inside) == (1, "stale", {"jobs": True, JOB: False})
    text = inside("readyz").out
    assert f"{column} lies in the future, since the server's clock went back" in text
    state = inside("status")
    assert (state.code, f"{column} lies in the future" in state.out) == (1, True)
    assert inside(JOB).code == 0
    assert said(inside) == (0, "ok", {"jobs": True, JOB: True})
    assert inside("status").code == 0


def test_a_runner_seen_in_the_future_is_not_seen(inside: Inside, conn: Conn) -> None:
    """Nor does a migration in the future give a job that never ran its time."""
    beat(conn, "jobs-runner", ago="-300 d", last_success_at=None)
    assert said(inside, JOBS_ENABLED="true") == (1, "stale", {"jobs": False})
    named(inside, JOB, ago=3600)
    made(conn, "-300 d")
    assert said(inside) == (1, "stale", {"jobs": False, JOB: False})
    assert inside(JOB).code == 0
    assert said(inside) == (0, "ok", {"jobs": True, JOB: True})


def test_a_run_of_the_future_is_not_the_newest(inside: Inside, conn: Conn) -> None:
    """The outcome shown is that of a run which has begun."""
    beat(conn)
    run_was(conn, "success", ago="-300 d")
    run_was(conn, "failed", ago="1 min")
    (job,) = inside("status", "--json").json["jobs"]
    assert job["last_outcome"] == "failed"
