"""An error that no code expects: exit 70, whose bug it is, where, and the traceback for later."""

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest

from maintcli.engines.sweep import sweep
from tests.parts.inside import Inside
from tests.parts.package import install

Conn = psycopg.Connection[tuple[Any, ...]]

_JOBS = '''
import json
import psycopg
from maintcli.api import Run, Sweep, Swept, duration, job

@job(schedule=None, group="Crooked", dry_run=False)
def crooked(run: Run) -> None:
    """Read what is no JSON."""
    json.loads("s3cret-password")

@job(schedule=None, group="Crooked", dry_run=False)
def chained(run: Run) -> None:
    """Fail over a row."""
    try:
        run.change("INSERT INTO active_sessions (session_id, access_key) VALUES ('eve', 'a')")
    except psycopg.Error as error:
        raise KeyError("what") from error

@job(schedule=None, group="Crooked", dry_run=False)
def reading(run: Run) -> None:
    """Take a row for what it is not."""
    ((name,),) = run.query("SELECT session_id FROM active_sessions")
    try:
        {}[name]
    except KeyError:
        int(name)

@job(schedule=None, group="Crooked", dry_run=False)
def leaving(run: Run) -> None:
    """Exit."""
    import sys
    run.change("DELETE FROM active_sessions")
    sys.exit(0)

@job(schedule=None, group="Crooked", dry_run=False)
def closing(run: Run) -> None:
    """End as a generator does that is closed."""
    raise GeneratorExit

@job(schedule=None, group="Crooked", dry_run=False)
def halting(run: Run) -> None:
    """End in an error that is no Exception."""
    raise BaseException

@job(schedule=None, group="Crooked")
def writing(run: Run) -> None:
    """Write by what only reads."""
    run.query("DELETE FROM active_sessions")

@job(schedule=None, group="Crooked", timeout="1s")
def dozing(run: Run) -> None:
    """Ask for what takes a minute."""
    run.query("SELECT pg_sleep(60)")

class Broken(Exception):
    def __str__(self) -> str:
        raise RuntimeError

@job(schedule=None, group="Crooked", dry_run=False)
def endless(run: Run) -> None:
    """Call each other, and end in an error that has no words."""
    try:
        _ping()
    except RecursionError:
        raise Broken

def _ping() -> None:
    _pong()

def _pong() -> None:
    _ping()

@job(schedule=None, group="Crooked", engine=Sweep())
def innocent(run: Run) -> Swept:
    """Ask maint for something."""
    return run.sweep("active_sessions", where="{last_heartbeat} < {cutoff}", by="last_heartbeat",
                     older_than=duration("1d"))
'''


@pytest.fixture
def broken(site: Path, inside: Inside) -> Inside:
    """A package with jobs that fail in ways of their own."""
    names = re.findall(r"^def ([a-z]+)", _JOBS, re.MULTILINE)
    install(site, "crooked", {name: f"crooked:{name}" for name in names}, crooked=_JOBS)
    (inside.folder / "maint.toml").write_text('plugins = ["crooked"]\n')
    return inside


def trace(inside: Inside, run_id: str) -> str:
    """The traceback that the ledger keeps of a run, as JSON has it."""
    found: str = inside("show", run_id, "--json").json["traceback"]
    return found


def test_a_bug_of_a_package(broken: Inside, conn: Conn) -> None:
    """Its package, file and line: not those of the library that it called, and not maint."""
    result = broken("crooked", "--json")
    assert (result.code, result.json["outcome"]) == (70, "failed")
    said, run_id = result.json["message"], result.json["run_id"]
    line = _JOBS.splitlines().index('    json.loads("s3cret-password")') + 1
    assert said.startswith(
        f"This is a bug in the package crooked, not in maint (crooked.py, line {line}): JSONDecode"
    )
    assert said.endswith(
        f"See maint show {run_id} for the traceback, and please report it to the authors of that"
        " package."
    )
    assert conn.execute("SELECT message, traceback FROM job_runs").fetchall() == [
        (said, trace(broken, run_id))
    ]
    lines = broken("show", run_id).out.splitlines()
    shown = lines[lines.index("traceback:") + 1 :]
    assert shown == trace(broken, run_id).splitlines()
    assert any("crooked.py" in line for line in shown)
    assert shown[-1].startswith("JSONDecodeError: ")


def test_a_bug_of_maint(broken: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a package's job has called it."""

    def fails(_tasks: object) -> None:
        raise RuntimeError("impossible")

    monkeypatch.setattr(sweep, "children_first", fails)
    for name in ("cleanup-sessions", "innocent"):
        result = broken(name)
        assert result.code == 70
        assert "This is a bug in maint (maintcli/engines/sweep/sweep.py, line " in result.err
        assert "): RuntimeError: impossible. See maint show " in result.err
        assert "report it to the authors of maint." in result.err
    dry = broken("cleanup-sessions", "--dry-run")
    assert "Run again with -v for the traceback" in dry.err
    assert "RuntimeError: impossible" in broken("cleanup-sessions", "--dry-run", "-v").err


def test_no_row_is_in_the_traceback(broken: Inside, conn: Conn) -> None:
    """PostgreSQL's DETAIL of an earlier error in the chain names values."""
    conn.execute("INSERT INTO active_sessions (session_id, access_key) VALUES ('eve', 'a')")
    result = broken("chained", "--json")
    assert result.code == 70
    kept = trace(broken, result.json["run_id"])
    assert "UniqueViolation: " in kept
    assert "KeyError: '…'" in kept
    assert "(session_id)=(eve)" not in kept + result.err


def test_no_value_that_python_quotes_is_in_the_traceback(broken: Inside, conn: Conn) -> None:
    """KeyError and ValueError say what they were given, and that may be of a row."""
    conn.execute("INSERT INTO active_sessions (session_id, access_key) VALUES ('eve', 'a')")
    result = broken("reading", "--json")
    kept = trace(broken, result.json["run_id"])
    assert "KeyError: '…'" in kept
    assert "ValueError: invalid literal for int() with base 10: '…'" in kept
    assert "eve" not in kept + result.err + result.out


def test_a_job_that_exits_has_not_succeeded(broken: Inside, conn: Conn) -> None:
    """sys.exit(0) is no way to end a job: the run is recorded, with what it did."""
    conn.execute("INSERT INTO active_sessions (session_id, access_key) VALUES ('eve', 'a')")
    result = broken("leaving", "--json")
    assert (result.code, result.json["exit_code"]) == (70, 70)
    assert "the package crooked, not in maint" in result.json["message"]
    assert conn.execute("SELECT count(*) FROM active_sessions").fetchone() == (0,)
    rows = conn.execute("SELECT outcome, exit_code, updated_count FROM job_runs").fetchall()
    assert rows == [("failed", 70, 1)]


@pytest.mark.parametrize(
    ("name", "error"), [("closing", "GeneratorExit"), ("halting", "BaseException")]
)
def test_a_run_ends_whatever_its_job_raises(
    broken: Inside, conn: Conn, name: str, error: str
) -> None:
    """No row of the ledger stays `running`, also where the error is no Exception."""
    result = broken(name)
    assert result.code == 70
    assert f"): {error}. See maint show " in result.err
    assert conn.execute("SELECT outcome, exit_code FROM job_runs").fetchall() == [("failed", 70)]


@pytest.mark.parametrize("flags", [(), ("--dry-run",)])
def test_a_query_that_writes_is_a_bug(broken: Inside, conn: Conn, flags: tuple[str, ...]) -> None:
    """Not a database that is down: the sentence names the call that may write."""
    conn.execute("INSERT INTO active_sessions (session_id, access_key) VALUES ('eve', 'a')")
    result = broken("writing", *flags)
    assert result.code == 70
    said = "writing writes by run.query: cannot execute DELETE in a read-only transaction."
    assert f"{said} Use run.change for that SQL." in result.err
    assert conn.execute("SELECT count(*) FROM active_sessions").fetchone() == (1,)


def test_a_query_that_meets_the_deadline_is_a_timeout(broken: Inside, conn: Conn) -> None:
    """The deadline cancels it before the server's own limit does."""
    result = broken("dozing")
    assert result.code == 124
    assert "The deadline of 1s passed with work unfinished" in result.err
    assert conn.execute("SELECT outcome, exit_code FROM job_runs").fetchall() == [("timeout", 124)]


def test_an_endless_traceback_is_cut(broken: Inside) -> None:
    """An error without words has its name, and what came before it its innermost frames."""
    result = broken("endless", "--json")
    assert result.code == 70
    kept = trace(broken, result.json["run_id"])
    assert kept.endswith("\nBroken: ")
    assert kept.count("_pong()") == 20


def test_no_secret_is_in_the_traceback(broken: Inside) -> None:
    """The database's password is masked wherever a frame shows it."""
    broken.env["DATABASE_URL"] = broken.env["DATABASE_URL"].replace(
        "postgres@", "postgres:s3cret-password@"
    )
    result = broken("crooked", "--json")
    kept = trace(broken, result.json["run_id"])
    assert 'json.loads("***")' in kept
    assert "s3cret" not in kept + result.err


def test_other_ends_have_no_traceback(inside: Inside, conn: Conn) -> None:
    """A failure that maint expects is its sentence, and no more."""
    inside("cleanup-sessions")
    conn.execute("ALTER TABLE active_sessions RENAME TO sessions")
    assert inside("cleanup-sessions").code == 78
    rows = conn.execute("SELECT traceback FROM job_runs").fetchall()
    assert rows == [(None,), (None,)]
    assert "traceback" not in inside("show", _last(conn)).out


def _last(conn: Conn) -> str:
    ((run_id,),) = conn.execute(
        "SELECT run_id::text FROM job_runs ORDER BY started_at DESC LIMIT 1"
    ).fetchall()
    return str(run_id)
