"""The parts that most tests want."""

import os
from collections.abc import Generator
from pathlib import Path

import hypothesis
import psycopg
import pytest

from maintcli.engines.foreign_keys import recheck
from maintcli.runtime import session
from tests.parts.cli import Maint
from tests.parts.clock import Clock, one_chunk_a_batch
from tests.parts.databases import create, database, drop
from tests.parts.inside import Inside
from tests.parts.server import Server, session_server

TEMPLATE = "prepared"
# How long an example takes is the machine's affair. CI tries the same ones each time, so that
# what fails there fails here, too; elsewhere they are new ones.
hypothesis.settings.register_profile(
    "maint",
    deadline=None,
    derandomize="CI" in os.environ,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("maint")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what is slow: at the end, one worker would be busy with it and the others idle."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def server() -> Server:
    """The PostgreSQL of this session (of this worker, under xdist)."""
    return session_server()


@pytest.fixture
def bare_db(server: Server) -> Generator[str]:
    """The URL of an empty database of the test's own."""
    with database(server) as name:
        yield server.dsn(name)


@pytest.fixture(scope="session")
def template(server: Server) -> Generator[str]:
    """The name of a database with the toolkit's tables and the reference schema, to be copied."""
    from maintcli.db import example, toolkit

    create(server, TEMPLATE)
    with server.connect(TEMPLATE) as connection:
        toolkit.migrate(connection, "public")
        example.create_schema(connection)
    yield TEMPLATE
    drop(server, TEMPLATE)


@pytest.fixture
def db(server: Server, template: str) -> Generator[str]:
    """The URL of a database of the test's own, with all tables and no rows."""
    with database(server, template=template) as name:
        yield server.dsn(name)


@pytest.fixture
def conn(db: str) -> Generator[psycopg.Connection]:
    """An autocommit connection to `db`."""
    with psycopg.connect(db, autocommit=True) as connection:
        yield connection


@pytest.fixture
def maint(tmp_path: Path) -> Generator[Maint]:
    """Runs the command: `maint("cleanup-sessions", "--json", env={"DATABASE_URL": db})`."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    command = Maint(folder)
    yield command
    command.end()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run in this process waits for a lock until the test has seen it wait: not 0.5 s at most."""
    monkeypatch.setattr(session, "LOCK_TIMEOUT_MS", 60_000)
    for name in ("LOCK_TIMEOUT_MS", "_LOCK_MS"):
        monkeypatch.setattr(recheck, name, 60_000)
    monkeypatch.setattr(recheck.Seen, "seconds", 60.0)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run in this process tries for a second, not for thirty, to reach its database."""
    monkeypatch.setattr(session, "RECONNECT_SECONDS", 1.0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A run in this process does not wait; its clock moves by what it would have waited."""
    made = Clock()
    made.install(monkeypatch)
    return made


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run in this process has batches of one size, however fast or busy the machine is."""
    one_chunk_a_batch(monkeypatch)


@pytest.fixture
def inside(tmp_path: Path, db: str) -> Inside:
    """Runs the command in this process against `db`, in an empty folder: much faster."""
    folder = tmp_path / "inside"
    folder.mkdir()
    return Inside(folder, {"DATABASE_URL": db})
