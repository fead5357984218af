"""Proof 4, first half: many schedulers start the same job at the same moment."""

import signal
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager

import psycopg
import pytest

from tests.parts.pgbouncer import pgbouncer
from tests.parts.server import Server
from tests.parts.waiting import until
from tests.proofs.arena import Arena
from tests.proofs.chaos import Chaos
from tests.proofs.table import Way

CROWD = 12


@contextmanager
def directly(server: Server) -> Generator[Server]:
    """No pooler."""
    yield server


@pytest.fixture(params=[directly, pgbouncer], ids=["directly", "pgbouncer"])
def door(request: pytest.FixtureRequest, server: Server) -> Generator[Server]:
    """Where the runs connect; PgBouncer is in transaction mode, with 4 backends for them all."""
    with request.param(server) as place:
        yield place


def test_of_twelve_runs_at_once_one_works_and_the_others_skip(
    arena_for: Callable[[Way], Arena], door: Server, chaos: Chaos
) -> None:
    """While one works, the eleven others end with exit 0 as `skipped` and leave no trace."""
    arena = arena_for("heap")
    dsn = door.dsn(arena.conn.info.dbname)
    arena.shut_gate()
    for _ in range(chaos.times(1, 20)):
        arena.restore()
        arena.conn.execute("TRUNCATE gate")
        # None of them meets its deadline, however long the others take to start.
        crowd = [arena.start("--timeout", "10m", dsn=dsn) for _ in range(CROWD)]
        until(lambda: sum(p.poll() is not None for p in crowd) == CROWD - 1, "all but one ended")  # noqa: B023  asked here
        until(arena.waiting, "the one that works is in the middle of it")
        assert arena.gone() == 0
        arena.open_gate()
        ends = Counter((arena.end_of(process)) for process in crowd)
        assert ends == {("success", 0): 1, ("skipped", 0): CROWD - 1}
        (run,) = arena.ledger()
        assert (run.outcome, run.deleted) == ("success", arena.stale_rows)
        arena.exact()
        chaos.met["crowds of 12"] += 1


def test_a_run_that_begins_while_another_ends_calls_nobody_lost(
    arena_for: Callable[[Way], Arena],
) -> None:
    """The other's success counts, although its end is committed only after the new one asked."""
    arena = arena_for("heap")
    arena.shut_gate_of_ends()
    first = arena.start("--timeout", "10m")
    until(arena.batches, "the first run is at work")
    first.send_signal(signal.SIGSTOP)
    with psycopg.connect(arena.dsn) as other:
        # Where a run looks whose the tables are, before it asks for anything.
        other.execute("LOCK TABLE pg_catalog.pg_description IN ACCESS EXCLUSIVE MODE")
        second = arena.start()
        until(lambda: arena.blocked("relation"), "the second run has begun, and asks for nothing")
        first.send_signal(signal.SIGCONT)
        until(arena.ending, "the first run is about to end")
    until(lambda: arena.blocked("transactionid"), "the second run asks for the lease")
    arena.open_gate()
    assert arena.end_of(first) == ("success", 0)
    assert arena.end_of(second) == ("success", 0)
    assert [run.outcome for run in arena.ledger()] == ["success", "success"]
    assert arena.failures_seen() == []
