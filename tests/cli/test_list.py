"""maint list"""

from tests.parts.inside import Inside
from tests.parts.ledger import Conn, beat, run_was


def test_every_job_with_schedule_next_time_and_outcome(inside: Inside, conn: Conn) -> None:
    """One line a job, its next time in words."""
    beat(conn)
    run_was(conn, "partial", ago="5 h")
    result = inside("list")
    assert result.code == 0
    (line,) = [line for line in result.out.splitlines() if line.startswith("cleanup-sessions")]
    assert "every 5 minutes" in line
    assert "  in " in line
    assert "enabled" in line
    assert "partial, 5 h ago" in line


def test_json_holds_the_same(inside: Inside, conn: Conn) -> None:
    """One object; times as ISO 8601 in UTC."""
    beat(conn, paused_at="2026-01-01Z")
    run_was(conn, "success")
    found = inside("list", "--json").json
    (job,) = [job for job in found["jobs"] if job["name"] == "cleanup-sessions"]
    assert found["problem"] is None
    assert job["origin"] == "built in"
    assert job["enabled"] is True
    assert job["paused"] is True
    assert job["last_outcome"] == "success"
    assert job["next_run_at"].endswith("Z")


def test_without_a_database_it_still_lists(inside: Inside) -> None:
    """No database, an unreachable one, one without our tables: the columns say so, exit code 0."""
    for url in ({}, {"DATABASE_URL": "postgresql://u@/d?host=/nowhere"}):
        inside.env = url
        result = inside("list")
        assert result.code == 0
        assert "unknown" in result.out
        assert "cleanup-sessions" in result.out
        found = inside("list", "--json").json
        assert found["problem"]
        assert found["jobs"][0]["paused"] is None


def listed(inside: Inside) -> dict[str, dict[str, object]]:
    """Every job of `maint list` by its name."""
    return {job["name"]: job for job in inside("list", "--json").json["jobs"]}


def test_the_configuration_has_the_last_word(inside: Inside) -> None:
    """schedule (one or several), timezone and enabled of [jobs.NAME] count."""
    settings = '[jobs.cleanup-sessions]\nschedule = ["0 2 * * *", "0 14 * * *"]\n'
    (inside.folder / "maint.toml").write_text(settings + 'timezone = "Asia/Tokyo"\n')
    job = listed(inside)["cleanup-sessions"]
    assert job["schedule"] == "0 2 * * *, 0 14 * * *"
    assert job["timezone"] == "Asia/Tokyo"
    assert str(job["next_run_at"])[11:16] in {"17:00", "05:00"}
    (inside.folder / "maint.toml").write_text("[jobs.cleanup-sessions]\nenabled = false\n")
    job = listed(inside)["cleanup-sessions"]
    assert (job["enabled"], job["next_run_at"]) == (False, None)


def test_a_bad_schedule_names_its_place(inside: Inside) -> None:
    """One sentence, exit code 78."""
    (inside.folder / "maint.toml").write_text('[jobs.cleanup-sessions]\nschedule = "61 * * * *"\n')
    result = inside("list")
    assert (result.code, result.out) == (78, "")
    assert "maint.toml [jobs.cleanup-sessions] schedule: '61 * * * *'" in result.err
    assert "bad minute" in result.err


def test_a_section_of_an_unknown_job_is_refused(inside: Inside) -> None:
    """With what was meant."""
    (inside.folder / "maint.toml").write_text("[jobs.cleanup-sesions]\n")
    result = inside("list")
    assert result.code == 78
    assert "did you mean cleanup-sessions?" in result.err
