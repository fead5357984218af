"""Updating in the face of others, of lost connections and of an end that comes early."""

from collections.abc import Callable, Generator
from typing import Any
from unittest import mock

import pytest

from maintcli.engines.update import update
from tests.jobs.every import MARKED, STRAGGLERS, Conn, fill, one
from tests.parts.faults import Moment
from tests.parts.inside import Inside
from tests.parts.proxy import Proxy, proxy
from tests.parts.server import Server

MARK = (*MARKED.command, "--json")
REAP = (*STRAGGLERS.command, "--json")
BATCH = b"DO $maint$"


@pytest.fixture
def network(server: Server) -> Generator[Proxy]:
    """A proxy in front of the session's server."""
    with proxy(server) as made:
        yield made


def before_a_batch(act: Callable[[], object]) -> Any:
    """Let `act` happen once, when a round's rows are listed and the first batch is about to go."""
    real, acts = update.send_safely, [act]

    def send(*given: Any) -> Any:
        while acts:
            acts.pop()()
        return real(*given)

    return mock.patch.object(update, "send_safely", send)


def test_a_place_that_holds_another_row_by_now(inside: Inside, conn: Conn) -> None:
    """A listed row is gone, and a fresh one was put where it had been: that one is not touched."""
    fill(conn, STRAGGLERS, stale=3, fresh=0)
    places = "SELECT array_agg(ctid ORDER BY ctid) FROM jobs"
    before = one(conn, places)

    def replace() -> None:
        conn.execute("DELETE FROM jobs")
        conn.execute("VACUUM jobs")
        fill(conn, STRAGGLERS, stale=0, fresh=3)
        assert one(conn, places) == before

    with before_a_batch(replace):
        found = inside(*REAP)
    assert (found.code, found.json["updated_count"]) == (0, 0), found.err
    assert one(conn, STRAGGLERS.fresh) == 3


def test_rows_that_become_stale_meanwhile_are_taken(inside: Inside, conn: Conn) -> None:
    """A further round looks again, also in the middle of which nothing was locked."""
    fill(conn, STRAGGLERS, stale=3, fresh=0)
    with before_a_batch(lambda: fill(conn, STRAGGLERS, stale=4, fresh=0)):
        assert inside(*REAP).json["updated_count"] == 7


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_cut_connection_is_counted_once(
    inside: Inside, conn: Conn, network: Proxy, moment: Moment, nth: int
) -> None:
    """Every row exactly once, in the figures and in the ledger, whatever became of the COMMIT."""
    fill(conn, STRAGGLERS, stale=700, fresh=3)
    conn.execute("UPDATE jobs SET retry_count = 2 WHERE id % 2 = 0")
    third = one(conn, "SELECT count(*) FROM jobs WHERE retry_count = 2 AND" + _STALE)
    cut = network.cut_at(BATCH, moment, nth=nth)
    found = inside(*REAP, env={"DATABASE_URL": network.dsn(conn.info.dbname)})
    assert (found.code, cut.done) == (0, True), found.err
    assert (found.json["updated_count"], found.json["failed_count"]) == (700, third)
    assert one(conn, "SELECT updated_count FROM job_runs") == 700
    assert one(conn, "SELECT count(*) FROM jobs WHERE status = 'failed'") == third
    assert one(conn, "SELECT sum(retry_count) FILTER (WHERE status = 'pending') FROM jobs") == (
        700 - third
    )


_STALE = " started_at < now() - interval '1 hour'"


@pytest.mark.parametrize("moment", ["before", "after"])
def test_without_a_ledger_it_does_not_guess(
    inside: Inside, conn: Conn, network: Proxy, moment: Moment
) -> None:
    """Nobody knows whether the lost COMMIT counted: 69, and the next run takes the rest."""
    fill(conn, MARKED, stale=500, fresh=0)
    network.cut_at(BATCH, moment, nth=2)
    found = inside(*MARK, "--no-ledger", env={"DATABASE_URL": network.dsn(conn.info.dbname)})
    assert found.code == 69
    left = one(conn, MARKED.stale)
    assert found.json["updated_count"] <= 500 - left < 500
    assert inside(*MARK).json["updated_count"] == left


def test_a_batch_without_its_lease_is_rolled_back(inside: Inside, conn: Conn) -> None:
    """The fence stands in the batch: a successor never meets what a former holder writes."""
    fill(conn, MARKED, stale=50, fresh=0)
    steal = "UPDATE job_heartbeats SET lease_token = lease_token + 1 WHERE lease_run_id IS NOT NULL"
    with before_a_batch(lambda: conn.execute(steal)):
        assert inside(*MARK).code == 75
    assert one(conn, MARKED.stale) == 50
