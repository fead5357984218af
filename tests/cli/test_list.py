"""maint list"""

import pytest

from maintcli import registry
from tests.parts.enabled import enable
from tests.parts.inside import Inside
from tests.parts.ledger import Conn, beat, run_was

JOB = "cleanup-sessions"


def test_every_job_with_schedule_next_time_and_outcome(inside: Inside, conn: Conn) -> None:
    """One line a job, its next time in words."""
    (inside.folder / "maint.toml").write_text(enable(JOB))
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
    (inside.folder / "maint.toml").write_text(enable(JOB))
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
    (inside.folder / "maint.toml").write_text(enable(JOB))
    for url in ({}, {"DATABASE_URL": "postgresql://u@/d?host=/nowhere"}):
        inside.env = url
        result = inside("list")
        assert result.code == 0
        assert "unknown" in result.out
        assert "cleanup-sessions" in result.out
        found = inside("list", "--json").json
        assert found["problem"]
        assert found["jobs"][0]["paused"] is None


def listed(inside: Inside, *arguments: str) -> dict[str, dict[str, object]]:
    """Every job of `maint list` by its name."""
    return {job["name"]: job for job in inside("list", "--json", *arguments).json["jobs"]}


def test_only_the_users_jobs_are_listed(inside: Inside, conn: Conn) -> None:
    """Those that maint.toml enables, and those that were seen to run; --all has the others, too."""
    assert listed(inside) == {}
    everything = listed(inside, "--all")
    assert everything.keys() == registry.JOBS.keys()
    assert not any(job["enabled"] or job["next_run_at"] for job in everything.values())
    said = inside("list").out
    assert said.startswith("No job is enabled, and none was seen to run.")
    assert f"{len(registry.JOBS)} more are not used: maint list --all" in said
    beat(conn, JOB)
    run_was(conn, "success")
    (inside.folder / "maint.toml").write_text(enable("cleanup-orphans"))
    found = listed(inside)
    assert {name: job["enabled"] for name, job in found.items()} == {
        JOB: False,
        "cleanup-orphans": True,
    }
    (line,) = [line for line in inside("list").out.splitlines() if line.startswith(JOB)]
    assert "not enabled" in line
    assert "success, " in line


ENABLED = [
    (enable(JOB, "cleanup-orphans"), {JOB, "cleanup-orphans"}),
    (f"[jobs]\n{JOB} = {{}}\n", {JOB}),
    (f"[jobs.{JOB}]\nenabled = true\n", {JOB}),
    (f"[jobs.{JOB}]\nenabled = false\n", set[str]()),
    (f'[[schedules]]\nname = "x"\njob = "{JOB}"\nevery = "1h"\n', {JOB}),
    (f'[[schedules]]\nname = "x"\njob = "{JOB}"\nevery = "1h"\noptions = "-n"\n', set[str]()),
    ('[sweeps.old]\ntable = "t"\ncolumn = "c"\nkeep = "1d"\n', {"old"}),
    ('[[retention]]\ntable = "t"\ncolumn = "c"\nkeep = "1d"\n', {"retention-cleanup"}),
    ('[triggers.x]\nurl = "http://localhost"\nauth = "none"\n', {"trigger-x"}),
    ('[tables.active_sessions]\nname = "x"\n', set[str]()),
]


@pytest.mark.parametrize(("text", "names"), ENABLED)
def test_what_enables_a_job(inside: Inside, text: str, names: set[str]) -> None:
    """Its name under [jobs] or in `jobs`; a sweep, a rule, a trigger or an entry names itself."""
    (inside.folder / "maint.toml").write_text(text)
    found = listed(inside)
    assert found.keys() == names
    assert all(job["enabled"] for job in found.values())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (enable("cleanup-sesions"), "did you mean cleanup-sessions?"),
        ("jobs = [5]\n", "maint.toml jobs: in its list, it is a number"),
        (f"[jobs]\n{JOB} = true\n", f"and must be a table: [jobs.{JOB}]."),
        (
            f"{enable(JOB)}[jobs.cleanup-orphans]\n",
            "it has both jobs = […] and [jobs.NAME], and TOML",
        ),
        (
            "jobs = [\n]\njobs.cleanup-orphans.limit = 5\n",
            "take the list out, and write a section",
        ),
    ],
)
def test_a_list_of_jobs_that_will_not_do(inside: Inside, text: str, sentence: str) -> None:
    """One sentence, 78."""
    (inside.folder / "maint.toml").write_text(text)
    result = inside("list")
    assert (result.code, result.out) == (78, "")
    assert sentence in result.err
    assert result.err.count("\n") == 1


def test_the_configuration_has_the_last_word(inside: Inside) -> None:
    """schedule (one or several), timezone and enabled of [jobs.NAME] count."""
    settings = '[jobs.cleanup-sessions]\nschedule = ["0 2 * * *", "0 14 * * *"]\n'
    (inside.folder / "maint.toml").write_text(settings + 'timezone = "Asia/Tokyo"\n')
    job = listed(inside)["cleanup-sessions"]
    assert job["schedule"] == "0 2 * * *, 0 14 * * *"
    assert job["timezone"] == "Asia/Tokyo"
    assert str(job["next_run_at"])[11:16] in {"17:00", "05:00"}
    (inside.folder / "maint.toml").write_text("[jobs.cleanup-sessions]\nenabled = false\n")
    job = listed(inside, "--all")["cleanup-sessions"]
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
