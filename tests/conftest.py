"""The parts that most tests want."""

from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest

from tests.parts.cli import Maint
from tests.parts.databases import create, database, drop
from tests.parts.inside import Inside
from tests.parts.server import Server, session_server

TEMPLATE = "prepared"


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
def inside(tmp_path: Path, db: str) -> Inside:
    """Runs the command in this process against `db`, in an empty folder: much faster."""
    folder = tmp_path / "inside"
    folder.mkdir()
    return Inside(folder, {"DATABASE_URL": db})
