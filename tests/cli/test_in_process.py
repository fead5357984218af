"""maintcli.api.run_job: a job inside a program of someone else."""

import gc
import re
import signal
import threading
from pathlib import Path

import psycopg
import pytest

from maintcli.api import MaintError, Report, duration, run_job
from maintcli.runtime import harness

Conn = psycopg.Connection[tuple[object, ...]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and no database in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "MAINT_CONFIG", "MAINT_ENV_FILE", "MAINT_DATABASE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def sessions(conn: Conn) -> Conn:
    """A session that was silent for 90 s, one for 3 minutes, and one that is alive."""
    conn.execute(
        "INSERT INTO active_sessions VALUES ('a', 'k', now() - interval '90 s'),"
        " ('b', 'k', now() - interval '3 min'), ('c', 'k', now() + interval '1 h')"
    )
    return conn


def left(conn: Conn) -> list[object]:
    """The sessions that are there."""
    return [row[0] for row in conn.execute("SELECT session_id FROM active_sessions ORDER BY 1")]


def test_it_runs_with_the_options_given(sessions: Conn, db: str) -> None:
    """Rows go, the report counts them, and the ledger has the same run with its parameters."""
    report = run_job("cleanup-sessions", stale_after="2m", database_url=db)
    assert (report.success, report.counts["deleted_count"]) == (True, 1)
    assert left(sessions) == ["a", "c"]
    runs = sessions.execute(
        "SELECT run_id::text, outcome, parameters ->> 'stale_after' FROM job_runs"
    )
    assert runs.fetchall() == [(report.run_id, "success", "2m")]


def test_values_may_be_those_of_python(sessions: Conn, db: str) -> None:
    """Durations, numbers and booleans; a dry run changes nothing."""
    report = run_job(
        "cleanup-sessions", stale_after=duration("1m"), max_rows=9, dry_run=True, database_url=db
    )
    assert (report.dry_run, report.counts["deleted_count"]) == (True, 2)
    assert left(sessions) == ["a", "b", "c"]
    lists = run_job("cleanup-old-sessions", tables=("chat_sessions",), database_url=db)
    assert lists.success


def test_database_and_settings_come_from_maint_toml(
    sessions: Conn, db: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for the command: the file's own sweep, by its name, in a database of [databases]."""
    monkeypatch.setenv("THE_URL", db)
    (folder / "other.toml").write_text(
        '[databases.app]\nurl = "env:THE_URL"\n'
        '[sweeps.silent]\ntable = "active_sessions"\ncolumn = "last_heartbeat"\nkeep = "120s"\n'
    )
    report = run_job("silent", config=folder / "other.toml", database="app")
    assert (report.success, report.counts["deleted_count"]) == (True, 1), report.message
    assert left(sessions) == ["a", "c"]


def test_a_failed_run_is_a_report_and_no_exit(sessions: Conn, db: str) -> None:
    """A guard refuses: exit code 65 stands in the report and in the ledger."""
    report = run_job("cleanup-sessions", max_rows=1, database_url=db)
    assert (report.success, int(report.exit_code)) == (False, 65)
    assert left(sessions) == ["a", "b", "c"]
    assert sessions.execute("SELECT exit_code FROM job_runs").fetchall() == [(65,)]


def test_it_takes_the_same_lease(sessions: Conn, db: str) -> None:
    """Held by another run, it is skipped."""
    assert run_job("cleanup-sessions", database_url=db).success
    sessions.execute(
        "UPDATE job_heartbeats SET lease_expires_at = now() + interval '50 s',"
        " lease_run_id = gen_random_uuid() WHERE name = 'cleanup-sessions'"
    )
    sessions.execute("INSERT INTO active_sessions VALUES ('d', 'k', now() - interval '1 d')")
    held = run_job("cleanup-sessions", database_url=db)
    assert held.outcome.value == "skipped"
    assert left(sessions) == ["c", "d"]


def test_it_leaves_the_process_alone(
    sessions: Conn, db: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """During the run: no signal handler, no collector setting; no observer and no output."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    during = list[object]()
    body = harness._body

    def seen(*arguments: object) -> None:
        during.extend(signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT))
        body(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(harness, "_body", seen)
    monkeypatch.setattr(gc, "freeze", lambda: during.append("frozen"))
    assert run_job("cleanup-sessions", database_url=db).success
    assert during == before
    assert capfd.readouterr() == ("", "")
    assert left(sessions) == ["c"]


def test_it_runs_in_a_thread(sessions: Conn, db: str) -> None:
    """Signals can be handled in the main thread alone, so a run in another needs none."""
    reports = list[Report]()
    thread = threading.Thread(
        target=lambda: reports.append(run_job("cleanup-sessions", database_url=db))
    )
    thread.start()
    thread.join()
    assert [report.counts["deleted_count"] for report in reports] == [2]
    assert left(sessions) == ["c"]


def test_ctrl_c_ends_the_run_and_is_the_callers(
    sessions: Conn, db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger records an interrupted run, and KeyboardInterrupt reaches the caller."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(harness, "_body", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_job("cleanup-sessions", database_url=db)
    assert sessions.execute("SELECT outcome, exit_code FROM job_runs").fetchall() == [
        ("interrupted", 130)
    ]
    assert left(sessions) == ["a", "b", "c"]


WRONG = {
    "an unknown job": ({"name": "cleanup-session"}, "did you mean cleanup-sessions?"),
    "an unknown option": ({"stale_aftr": "2m"}, "no option 'stale_aftr'; did you mean stale_after"),
    "an option of the command alone": ({"json": True}, "has no option 'json'"),
    "a value of the wrong kind": ({"stale_after": "soon"}, "--stale-after"),
    "a blank value": ({"stale_after": " "}, "--stale-after is blank"),
    "two databases": ({"database": "other"}, "not both"),
    "an unknown file": ({"config": "none.toml"}, "none.toml"),
}


@pytest.mark.parametrize(("arguments", "said"), WRONG.values(), ids=WRONG)
def test_wrong_usage_is_raised_before_there_is_a_run(
    sessions: Conn, db: str, arguments: dict[str, object], said: str
) -> None:
    """One sentence; no row is touched, and the ledger has no run."""
    given: dict[str, object] = {"name": "cleanup-sessions", "database_url": db, **arguments}
    with pytest.raises(MaintError, match=re.escape(said)):
        run_job(**given)  # type: ignore[arg-type]
    assert left(sessions) == ["a", "b", "c"]
    assert sessions.execute("SELECT count(*) FROM job_runs").fetchall() == [(0,)]


def test_all_databases_at_once_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report is of one run; MAINT_DATABASE counts as for the command."""
    (folder / "maint.toml").write_text('[databases.app]\nurl = "postgresql://nowhere/x"\n')
    with pytest.raises(MaintError, match="name one"):
        run_job("cleanup-sessions", database="all")
    monkeypatch.setenv("MAINT_DATABASE", "all")
    with pytest.raises(MaintError, match="name one database"):
        run_job("cleanup-sessions")
