"""Parts of one run, as the operator commands show them."""

from collections.abc import Mapping
from typing import Any

from tests.parts.enabled import enable
from tests.parts.inside import Inside
from tests.parts.ledger import Conn, lease

JOB = "cleanup-sessions"
WRONG = {"MAINT_CLEANUP_SESSIONS_STALE_AFTER": "0s"}


def part(inside: Inside, shard: str, env: Mapping[str, str] | None = None) -> str:
    """Run one part; its run id."""
    return str(inside(JOB, "--shard", shard, "--json", env=env).json["run_id"])


def stale(conn: Conn) -> None:
    """One stale session more."""
    conn.execute("INSERT INTO active_sessions SELECT gen_random_uuid(), 'k', now() - interval '1d'")


def job(inside: Inside, command: str) -> dict[str, Any]:
    """What `status` or `list` says of the job; no row stands for a part."""
    rows = inside(command, "--json").json["jobs"]
    assert not [row for row in rows if " " in row["name"]]
    (found,) = [row for row in rows if row["name"] == JOB]
    return dict(found)


def test_history_shows_one_run(inside: Inside, conn: Conn) -> None:
    """With its parts under it, and their rows together; --limit counts it as one."""
    inside(JOB)
    stale(conn)
    first = part(inside, "0/2")
    (half,) = inside("history", "--json", "--limit", "1").json["runs"]
    assert (half["outcome"], half["exit_code"], half["parts_done"]) == ("incomplete", None, 1)
    assert half["duration_ms"] is None
    assert "1 of 2 parts done" in inside("history").out
    second = part(inside, "1/2")
    whole, single = inside("history", "--json").json["runs"]
    assert (whole["outcome"], whole["exit_code"], whole["deleted_count"]) == ("success", 0, 1)
    assert (whole["run_id"], whole["part"], whole["parts"]) == (first, None, 2)
    assert [run["run_id"] for run in whole["runs"]] == [first, second]
    assert "2 of 2 parts done: deleted 1" in inside("history").out
    assert "shard" not in whole["parameters"]
    assert "runs" not in single
    assert len(inside("history").out.splitlines()) == 3


def test_failed_shows_the_whole_that_failed(inside: Inside) -> None:
    """As long as its part's last try failed; with the part that did."""
    part(inside, "0/2")
    part(inside, "1/2", WRONG)
    (run,) = inside("history", "--failed", "--json").json["runs"]
    assert (run["outcome"], run["exit_code"]) == ("refused", 65)
    assert run["message"].startswith("part 1/2: environment MAINT_")
    part(inside, "1/2")
    assert inside("history", "--failed", "--json").json["runs"] == []
    (run,) = inside("history", "--json").json["runs"]
    assert [one["outcome"] for one in run["runs"]] == ["success", "refused", "success"]


def test_show_shows_the_whole_of_any_part(inside: Inside) -> None:
    """Each part on a line of its own."""
    ids = [part(inside, "0/2"), part(inside, "1/2")]
    for run_id in ids:
        text = inside("show", run_id).out
        assert "parts done: 2" in text
        assert all(f"{number}/2   {one}" in text for number, one in enumerate(ids)), text
    assert [run["part"] for run in inside("show", ids[1], "--json").json["runs"]] == [0, 1]


def test_status_and_list_know_the_job_alone(inside: Inside) -> None:
    """How far the newest whole is; its outcome is not that of the part that came last."""
    part(inside, "0/3", WRONG)
    part(inside, "1/3")
    found = job(inside, "status")
    assert (found["state"], found["consecutive_failures"]) == ("refused", 1)
    assert (found["parts"]["done"], found["parts"]["parts"]) == (1, 3)
    assert "1 of 3 parts done in" in inside("status").out
    assert job(inside, "list")["last_outcome"] == "refused"
    part(inside, "0/3")
    part(inside, "2/3")
    found = job(inside, "status")
    assert (found["state"], found["parts"]["done"]) == ("success", 3)
    assert "parts done" not in inside("status").out


def test_a_part_that_runs_is_running_and_not_lost(inside: Inside, conn: Conn) -> None:
    """Its lease is another row than the job's."""
    run_id = part(inside, "0/2")
    conn.execute("UPDATE job_runs SET outcome = 'running', finished_at = NULL")
    lease(conn, run_id, left="1 min", job=f"{JOB} 0/2")
    found = job(inside, "status")
    assert (found["state"], found["last_outcome"], found["lost"]) == ("running", "running", [])
    assert found["running"]["run_id"] == run_id
    lease(conn, run_id, left="-1 s", job=f"{JOB} 0/2")
    found = job(inside, "status")
    assert (found["last_outcome"], [run["run_id"] for run in found["lost"]]) == ("lost", [run_id])
    (run,) = inside("history", "--json").json["runs"]
    assert run["outcome"] == "lost"


def test_readyz_waits_for_the_last_part(inside: Inside) -> None:
    """A success of one part is none of the job."""
    (inside.folder / "maint.toml").write_text(enable(JOB))

    def age() -> Any:
        checks = inside("readyz", "--json").json["checks"]
        (check,) = [check for check in checks if check["name"] == JOB]
        return check["age_seconds"]

    part(inside, "0/2")
    assert age() is None
    part(inside, "1/2")
    assert age() is not None


def test_a_plan_of_a_part_is_applied_to_that_part(inside: Inside, conn: Conn) -> None:
    """It holds the part's own rows, whatever the others have deleted meanwhile."""
    conn.execute(
        "ALTER TABLE active_sessions SET (fillfactor = 10);"
        "INSERT INTO active_sessions SELECT i, 'k', now() - interval '1 d'"
        " FROM generate_series(1, 30000) i"
    )
    words = (JOB, "--json", "--shard")
    dry = inside(*words, "0/2", "--dry-run", "--plan", "plan.json").json["deleted_count"]
    assert 0 < dry < 30_000
    assert inside(*words, "1/2").json["deleted_count"] == 30_000 - dry
    found = inside(*words, "0/2", "--apply", "plan.json")
    assert (found.code, found.json["deleted_count"]) == (0, dry), found.err


def test_a_plan_is_for_one_part_or_for_the_whole(inside: Inside, conn: Conn) -> None:
    """And says which; nobody is told that the figures have changed."""
    conn.execute(
        "INSERT INTO active_sessions SELECT i, 'k', now() - interval '1 d'"
        " FROM generate_series(1, 300) i"
    )
    assert inside(JOB, "-n", "--plan", "whole.json").code == 0
    assert inside(JOB, "-n", "--plan", "part.json", "--shard", "1/2").code == 0
    for plan, shard, said in (
        ("whole.json", ("--shard", "0/2"), "made for the whole, and this is part 0/2"),
        ("part.json", ("--shard", "0/2"), "made for part 1/2, and this is part 0/2"),
        ("part.json", ("--shard", "1/3"), "made for part 1/2, and this is part 1/3"),
        ("part.json", (), "made for part 1/2, and this is the whole"),
    ):
        found = inside(JOB, "--apply", plan, *shard)
        assert (found.code, f"the plan was {said}" in found.err) == (65, True), found.err
    assert inside(JOB, "--apply", "part.json", "--shard", "1/2").code == 0
    assert inside(JOB, "--apply", "whole.json", "--drift", "100").code == 0
    assert conn.execute("SELECT count(*) FROM active_sessions").fetchone() == (0,)


def test_rows_that_are_marked_are_not_divided(inside: Inside, conn: Conn) -> None:
    """One run does it; several would only do the same."""
    result = inside("cleanup-abandoned-jobs", "--action", "mark", "--shard", "0/2", "--json")
    assert result.code == 2
    assert "--shard" in result.json["message"]
    assert conn.execute("SELECT outcome, exit_code FROM job_runs").fetchall() == [("failed", 2)]


def test_jobs_that_delete_no_stale_rows_know_no_parts(inside: Inside) -> None:
    """The option is wrong usage there."""
    for job in ("cleanup-opt-outs", "reconcile-stragglers"):
        result = inside(job, "--shard", "0/2")
        assert (result.code, result.out) == (2, "")
        assert "--shard" in result.err
