"""maint readyz"""

import pytest

from maintcli import catalog
from tests.parts.inside import Inside
from tests.parts.ledger import Conn, beat

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


def test_the_threshold_follows_the_schedules(inside: Inside) -> None:
    """180 s, or the shortest period with its timeout and a minute where that is longer."""

    def threshold(**env: str) -> float:
        found = inside("readyz", "--json", env=env).json["checks"][0]["threshold_seconds"]
        return float(found)

    assert threshold() == 300 + 60 + 60
    assert threshold(MAINT_CLEANUP_SESSIONS_TIMEOUT="10m") == 300 + 600 + 60
    assert threshold(JOB_HEARTBEAT_TTL_SECONDS="90") == 90
    (inside.folder / "maint.toml").write_text("[jobs.cleanup-sessions]\nenabled = false\n")
    assert threshold() == 86400 + 1800 + 60
    off = [f"[jobs.{name}]\nenabled = false\n" for name in catalog.JOBS]
    (inside.folder / "maint.toml").write_text("".join(off))
    assert threshold() == 180


@pytest.mark.parametrize("env", REQUIRED)
def test_a_stale_runner_fails_while_it_is_required(
    inside: Inside, conn: Conn, env: dict[str, str]
) -> None:
    """Exit code 1 and status stale; without the variables the check decides nothing."""
    beat(conn, "jobs-runner", ago="1 h")
    result = inside("readyz", "--json", env=env)
    assert (result.code, result.json["status"]) == (1, "stale")
    result = inside("readyz", "--json")
    assert (result.code, result.json["status"]) == (0, "ok")
    assert result.json["checks"][0]["ok"] is False


@pytest.mark.parametrize("env", REQUIRED)
def test_a_runner_never_seen_is_stale(inside: Inside, env: dict[str, str]) -> None:
    """No heartbeat is no readiness."""
    result = inside("readyz", env=env)
    assert result.code == 1
    assert "STALE jobs: no run was ever seen" in result.out


@pytest.mark.parametrize(
    ("ago", "paused", "code"),
    [("1 min", None, 0), ("1 d", None, 1), ("1 d", "2026-01-01Z", 0)],
)
def test_strict_judges_each_job(
    inside: Inside, conn: Conn, ago: str, paused: str | None, code: int
) -> None:
    """By its last success; a paused job is said to be paused, and not stale."""
    beat(conn, ago=ago, paused_at=paused)
    result = inside("readyz", "--strict", "--json")
    check = result.json["checks"][1]
    assert result.code == code
    assert (check["name"], check["ok"]) == ("cleanup-sessions", code == 0)
    assert (check.get("note") == "paused") == (paused is not None)
    assert inside("readyz").code == 0


def test_a_new_installation_is_given_its_time(inside: Inside, conn: Conn) -> None:
    """A job that never succeeded is stale once it had time to, since the tables were made."""
    conn.execute("UPDATE maint_migrations SET applied_at = now()")
    assert inside("readyz", "--strict").code == 0
    conn.execute("UPDATE maint_migrations SET applied_at = now() - interval '1 h'")
    assert inside("readyz", "--strict").code == 1


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
