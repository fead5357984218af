"""Proof 5, first half: PostgreSQL is restarted while a run is at work."""

from collections.abc import Callable, Generator

import pytest
from psycopg import sql

from maintcli.db import example, toolkit
from tests.parts.cli import Maint
from tests.parts.own_server import OwnServer, own_server
from tests.proofs.arena import Arena
from tests.proofs.chaos import Chaos
from tests.proofs.table import Way


@pytest.fixture(scope="module")
def restartable() -> Generator[OwnServer]:
    """A server that may be restarted; what it has acknowledged it remembers."""
    with own_server({"synchronous_commit": "on"}) as server:
        yield server


@pytest.fixture
def own_arena(restartable: OwnServer, maint: Maint) -> Generator[Callable[[Way], Arena]]:
    """Makes an arena on that server."""
    made: list[Arena] = []

    def make(way: Way) -> Arena:
        name = f"arena_{way}"
        with restartable.connect() as connection:
            place = sql.Identifier(name)
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(place))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(place))
        with restartable.connect(name) as connection:
            toolkit.migrate(connection, "public")
            example.create_schema(connection)
        made.append(Arena(restartable, restartable.dsn(name), maint, way))
        return made[-1]

    yield make
    maint.end()
    for arena in made:
        arena.conn.close()


@pytest.mark.parametrize("how", ["fast", "immediate"])
@pytest.mark.parametrize("way", ["heap", "index"])
def test_a_run_survives_a_restart_of_the_server_or_says_69(
    restartable: OwnServer, own_arena: Callable[[Way], Arena], chaos: Chaos, way: Way, how: str
) -> None:
    """The run goes on with a new connection or ends with exit 69, and the ledger is exact."""
    arena = own_arena(way)
    for strike in chaos.strikes(chaos.times(3, 25), arena.usual()):
        arena.restore()
        process = arena.start()
        strike.wait(process, arena.batches)
        restartable.restart(how)
        chaos.met[arena.survived(process)] += 1
    chaos.must_have_met("went on")
