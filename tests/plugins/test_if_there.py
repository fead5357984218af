"""A job may want the database only if it is there: it does its work without, and says so."""

import importlib
import socket
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest

from maintcli.runtime import harness
from tests.parts.inside import Inside
from tests.parts.package import install
from tests.parts.proxy import Proxy, proxy
from tests.parts.server import Server

Conn = psycopg.Connection[tuple[object, ...]]
JOB = '''\
from collections.abc import Callable
from dataclasses import dataclass

from maintcli.api import Annotated, Fail, Opt, Run, job

during: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class Checked:
    checks: int
    database: bool


@job(schedule=None, group="Health", needs_database="if there")
def check_health(run: Run, *, ok: Annotated[bool, Opt("Whether all is well.")] = True) -> Checked:
    """Check."""
    during()
    if not ok:
        raise Fail("The backend does not answer.")
    return Checked(3, run.has_database and run.query("SELECT 1") == [(1,)])
'''


@pytest.fixture
def check(site: Path, inside: Inside) -> Inside:
    """A package with the job check-health, listed."""
    install(site, "maint-health", {"check-health": "health_job:check_health"}, health_job=JOB)
    (inside.folder / "maint.toml").write_text('plugins = ["maint-health"]\n')
    return inside


@pytest.fixture
def silent() -> Generator[str]:
    """A database URL where connections are accepted, and nothing is ever answered."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"postgresql://127.0.0.1:{server.getsockname()[1]}/db"


@pytest.fixture
def network(server: Server) -> Generator[Proxy]:
    """A proxy in front of the session's server."""
    with proxy(server) as made:
        yield made


def runs(conn: Conn) -> list[tuple[object, ...]]:
    """Outcomes in the ledger."""
    return conn.execute("SELECT outcome, exit_code FROM job_runs").fetchall()


def test_with_a_database_it_is_a_run_like_any_other(check: Inside, conn: Conn) -> None:
    """In the ledger, and without a word about what is missing."""
    found = check("check-health", "--json")
    assert (found.code, found.json["database"], found.json["warnings"]) == (0, True, []), found.err
    assert "recorded" not in found.json
    assert runs(conn) == [("success", 0)]


def expect_without(check: Inside, url: str | None, why: str) -> None:
    """It works, and fails, by its own result; warning and JSON say what is missing."""
    check.env = {"DATABASE_URL": url} if url else {}
    found = check("check-health", "--json")
    assert (found.code, found.json["checks"], found.json["database"]) == (0, 3, False), found.err
    assert found.json["recorded"] is False
    (warning,) = found.json["warnings"]
    assert warning.startswith("This run is missing in the history: ")
    assert why in warning
    failed = check("check-health", "--no-ok", "--json")
    assert (failed.code, failed.json["message"]) == (1, "The backend does not answer.")
    assert failed.json["recorded"] is False


def test_without_a_configured_database(check: Inside) -> None:
    """The warning says how to configure one."""
    expect_without(check, None, "Set DATABASE_URL")


def test_with_one_that_refuses(check: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there: it is tried for a moment."""
    monkeypatch.setattr(harness, "_IF_THERE_SECONDS", 0.1)
    expect_without(check, "postgresql://127.0.0.1:1/db", "refused")


def test_with_one_that_is_silent(
    check: Inside, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """libpq waits for two seconds at the least, and no second try follows."""
    monkeypatch.setattr(harness, "_IF_THERE_SECONDS", 0.1)
    expect_without(check, silent, "cannot be reached")


def test_with_one_that_has_no_such_database(check: Inside, server: Server) -> None:
    """What is wrong with the settings is said, and stops nothing."""
    expect_without(check, server.dsn("nowhere"), "does not exist")


def test_without_tables_of_maint(check: Inside, bare_db: str) -> None:
    """There is a database to ask, and no history."""
    check.env = {"DATABASE_URL": bare_db}
    found = check("check-health", "--json")
    assert (found.code, found.json["database"], found.json["recorded"]) == (0, True, False)
    assert "maint db migrate" in found.json["warnings"][0]


def test_a_database_that_goes_down_meanwhile(
    check: Inside, conn: Conn, network: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The result stays, and the end that could not be written is said."""
    check.env = {"DATABASE_URL": network.dsn(conn.info.dbname)}

    def go_down() -> None:
        network.faults.refuse = True
        network.reset()

    monkeypatch.setattr(importlib.import_module("health_job"), "during", go_down)
    failed = check("check-health", "--no-ok", "--json")
    assert (failed.code, failed.json["message"]) == (1, "The backend does not answer.")
    assert failed.json["recorded"] is False


def test_the_wait_is_a_few_seconds() -> None:
    """Far below the half a minute that other runs wait for their database."""
    assert harness._IF_THERE_SECONDS <= 5


def test_a_dry_run_works_without_too(check: Inside) -> None:
    """It would have had no history; so none is missing."""
    check.env = {}
    found = check("check-health", "--dry-run", "--json")
    assert (found.code, found.json["database"]) == (0, False), found.err
    assert "recorded" not in found.json
    assert found.json["warnings"][0].startswith("No database: ")


def test_a_job_that_needs_it_still_ends_with_69(check: Inside) -> None:
    """Patience is the only thing that was shortened, and for these jobs alone."""
    url = {"DATABASE_URL": "postgresql://127.0.0.1:1/db"}
    assert check("cleanup-sessions", "--timeout", "1s", env=url).code == 69
