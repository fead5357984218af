"""Fixtures of the proofs; MAINT_CHAOS=full (make chaos) has the full counts."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

import pytest

from tests.jobs.every import Every
from tests.parts.cli import Maint
from tests.parts.databases import database
from tests.parts.inside import Inside
from tests.parts.server import Server
from tests.proofs.arena import Arena
from tests.proofs.chaos import Chaos
from tests.proofs.every_arena import EveryArena, Fight
from tests.proofs.table import Way


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "chaos: more of it with MAINT_CHAOS=full")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything that asks for chance is chaos."""
    for item in items:
        if "chaos" in getattr(item, "fixturenames", ()):
            item.add_marker("chaos")


@pytest.fixture
def chaos(request: pytest.FixtureRequest, server: Server) -> Generator[Chaos]:
    """The test's own chance; the tally is kept where the test has passed."""
    made = Chaos(request.node.name)
    failed = request.session.testsfailed
    yield made
    if request.session.testsfailed == failed:
        with server.connect() as connection:
            made.record(connection.info.parameter_status("server_version") or "?")


@pytest.fixture
def arena_for(server: Server, template: str, maint: Maint) -> Generator[Callable[[Way], Arena]]:
    """Makes an arena in a database of the test's own."""
    with database(server, template=template) as name:
        made: list[Arena] = []

        def make(way: Way) -> Arena:
            made.append(Arena(server, server.dsn(name), maint, way))
            return made[-1]

        yield make
        maint.end()
        for arena in made:
            arena.conn.close()


@pytest.fixture(params=["heap", "index"])
def arena(request: pytest.FixtureRequest, arena_for: Callable[[Way], Arena]) -> Arena:
    """An arena for each plan."""
    way: Way = request.param
    return arena_for(way)


@pytest.fixture
def fight(server: Server, template: str, maint: Maint, inside: Inside, every: Every) -> Fight:
    """Makes an arena for the job `every`, each in a database of its own."""

    @contextmanager
    def made() -> Generator[EveryArena]:
        with database(server, template=template) as name:
            arena = EveryArena(server.dsn(name), maint, every, inside)
            yield arena
            maint.end()
            arena.conn.close()

    return made
