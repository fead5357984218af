"""maint run"""

import signal

import pytest

from maintcli import registry
from maintcli.errors import Code, gravest
from tests.parts.cli import Maint, Result
from tests.parts.enabled import enable
from tests.parts.inside import Inside
from tests.parts.ledger import Conn
from tests.parts.waiting import PATIENCE, until

JOB = "cleanup-sessions"


def stale(conn: Conn, rows: int = 3) -> None:
    """That many stale sessions."""
    conn.execute(
        "INSERT INTO active_sessions (session_id, access_key, last_heartbeat)"
        " SELECT n, 'k', now() - interval '1 h' FROM generate_series(1, %s) n",
        [rows],
    )


def test_jobs_run_one_after_the_other(inside: Inside, conn: Conn) -> None:
    """In the order given; one JSON object for all."""
    stale(conn)
    result = inside("run", JOB, JOB, "--json")
    assert result.code == 0
    assert result.json.keys() == {"exit_code", "runs"}
    assert [run["deleted_count"] for run in result.json["runs"]] == [3, 0]
    assert "run=" in result.err


UNNAMED = ("retention-cleanup", "cleanup-queues")  # until something is named for them to do


def test_all_means_enabled(inside: Inside, conn: Conn) -> None:
    """What maint.toml does not name, or has nothing to do, is not run; called by name it is."""
    conn.execute("INSERT INTO users (email) VALUES ('user@example.com')")  # no user: no orphans
    expected = [name for name in registry.JOBS if name not in UNNAMED]
    toml = inside.folder / "maint.toml"
    toml.write_text(enable())

    def jobs() -> list[str]:
        result = inside("run", "--all", "--json")
        assert result.code == 0, result.err
        return [run["job"] for run in result.json["runs"]]

    assert jobs() == expected
    toml.write_text(f"[jobs.{JOB}]\nenabled = false\n[jobs.cleanup-orphans]\n")
    assert jobs() == ["cleanup-orphans"]
    assert len(inside("run", JOB, "--json").json["runs"]) == 1


def test_an_enabled_job_whose_table_is_missing_fails(inside: Inside, bare_db: str) -> None:
    """It was asked for; the others run, and what nobody asked for is not looked at."""
    inside.env["DATABASE_URL"] = bare_db
    assert inside("db", "migrate").code == 0
    (inside.folder / "maint.toml").write_text(enable(JOB, "cleanup-run-history"))
    result = inside("run", "--all", "--json")
    assert result.code == 78
    assert {run["job"]: run["exit_code"] for run in result.json["runs"]} == {
        JOB: 78,
        "cleanup-run-history": 0,
    }


def test_one_table_of_several_that_is_missing_is_an_error(inside: Inside, conn: Conn) -> None:
    """Somebody who has the others wants the job."""
    conn.execute("DROP TABLE daily_analytics")
    (inside.folder / "maint.toml").write_text(enable("cleanup-old-analytics"))
    result = inside("run", "--all", "--json")
    (run,) = [one for one in result.json["runs"] if one["job"] == "cleanup-old-analytics"]
    assert run["exit_code"] == 78
    assert "daily_analytics" in run["message"]


def test_a_dry_run_of_all_changes_nothing(inside: Inside, conn: Conn) -> None:
    """And leaves no trace in the ledger."""
    stale(conn)
    conn.execute("INSERT INTO users (email) VALUES ('user@example.com')")
    (inside.folder / "maint.toml").write_text(enable())
    run, *others = inside("run", "--all", "-n", "--json").json["runs"]
    assert (run["job"], run["dry_run"], run["deleted_count"]) == (JOB, True, 3)
    assert all(other["dry_run"] and other["success"] for other in others)
    assert conn.execute("SELECT count(*) FROM active_sessions").fetchall() == [(3,)]
    assert conn.execute("SELECT count(*) FROM job_runs").fetchall() == [(0,)]


def test_a_failure_does_not_stop_the_next(inside: Inside, conn: Conn) -> None:
    """Every run is tried; the exit code is the gravest."""
    stale(conn, 2)
    result = inside("run", JOB, JOB, "--json", env={"MAINT_CLEANUP_SESSIONS_MAX_ROWS": "1"})
    assert result.code == result.json["exit_code"] == 65
    assert [run["outcome"] for run in result.json["runs"]] == ["refused", "refused"]


def test_wrong_options_of_a_job_are_that_jobs_failure(inside: Inside) -> None:
    """The sentence that names the variable is its message; the log has it too."""
    result = inside("run", JOB, "--json", env={"MAINT_CLEANUP_SESSIONS_SHARE": "lots"})
    assert result.code == 78
    (run,) = result.json["runs"]
    assert run["outcome"] == "failed"
    assert "MAINT_CLEANUP_SESSIONS_SHARE" in run["message"]
    assert "MAINT_CLEANUP_SESSIONS_SHARE" in result.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Name the jobs to run, or give --all"),
        (("--all", JOB), "not both"),
        ((JOB, "cleanup-session"), "did you mean cleanup-sessions?"),
        ((JOB, "--stale-after", "5s"), "--stale-after"),
    ],
)
def test_wrong_usage_runs_nothing(
    inside: Inside, conn: Conn, arguments: tuple[str, ...], words: str
) -> None:
    """All names are looked at before the first run; a single job's flag is not taken."""
    result = inside("run", *arguments)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert conn.execute("SELECT count(*) FROM job_runs").fetchall() == [(0,)]


def test_quiet_says_nothing_of_a_success(inside: Inside) -> None:
    """So that cron sends no mail."""
    result = inside("run", JOB, "-q")
    assert (result.code, result.out, result.err) == (0, "", "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_rest(
    maint: Maint, conn: Conn, db: str, number: signal.Signals, code: int
) -> None:
    """The run that goes on is interrupted, the next is not started, and JSON still comes."""
    stale(conn)
    with conn.transaction():
        conn.execute("LOCK TABLE active_sessions IN ACCESS EXCLUSIVE MODE")
        process = maint.start("run", JOB, JOB, "--json", env={"DATABASE_URL": db})
        waiting = (
            "SELECT 1 FROM pg_locks WHERE relation = 'active_sessions'::regclass AND NOT granted"
        )
        until(lambda: conn.execute(waiting).fetchone(), "the run waits for the table")
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == code
    assert out.count('"interrupted"') == 1
    assert f"stopped; not started: {JOB}" in err


def test_ctrl_c_ends_any_command_with_130(maint: Maint, bare_db: str, conn: Conn) -> None:
    """Here one that waits for another migration."""
    import psycopg

    with psycopg.connect(bare_db) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtext('maint db migrate'))")
        process = maint.start("db", "migrate", env={"DATABASE_URL": bare_db})
        waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        until(lambda: conn.execute(waiting).fetchone(), "it waits")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert err.startswith("maint: Stopped by SIGINT")
    assert "Traceback" not in err


def test_every_code_has_its_gravity() -> None:
    """Signals, then what hits every job, then what befell one, then what mends itself."""
    assert all(gravest([code, Code.OK]) == code for code in Code)
    assert gravest([]) == Code.OK
    assert gravest([Code.FAILED, Code.BUG, Code.CONFIG]) == Code.BUG
    assert gravest([Code.UNREACHABLE, Code.CONFIG]) == Code.CONFIG
    assert gravest([Code.TRY_AGAIN, Code.PARTIAL, Code.REFUSED]) == Code.REFUSED
    assert gravest([Code.BUG, Code.SIGTERM]) == Code.SIGTERM


def test_an_entry_runs_with_its_own_options(inside: Inside, conn: Conn) -> None:
    """As its scheduler would run it, whatever the command line of that."""
    conn.execute(
        "INSERT INTO active_sessions (session_id, access_key, last_heartbeat) VALUES"
        " ('old', 'k', now() - interval '3 h'), ('newer', 'k', now() - interval '1 h')"
    )
    (inside.folder / "maint.toml").write_text(
        '[[schedules]]\nname = "slow"\njob = "cleanup-sessions"\nevery = "1h"\n'
        'options = ["--stale-after", "2h", "--quiet"]\n'
    )
    shown = inside("run-entry", "slow", "--dry-run", "--json").json
    assert (shown["job"], shown["dry_run"]) == ("cleanup-sessions", True)
    assert conn.execute("SELECT count(*) FROM active_sessions").fetchone() == (2,)
    assert inside("run-entry", "slow") == Result(0, "", "")
    assert conn.execute("SELECT session_id FROM active_sessions").fetchall() == [("newer",)]
    assert inside("run-entry", "cleanup-sessions", "--quiet").code == 0
    assert conn.execute("SELECT session_id FROM active_sessions").fetchall() == []
    unknown = inside("run-entry", "slwo")
    assert (unknown.code, "did you mean slow" in unknown.err) == (2, True)
