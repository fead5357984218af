"""Proof 3: a run that is told to stop by SIGTERM or SIGINT, at any instant."""

import signal
from collections.abc import Callable
from subprocess import Popen

import pytest

from tests.parts.proxy import proxy
from tests.parts.server import Server
from tests.parts.waiting import PATIENCE, until
from tests.proofs.aftermath import recorded
from tests.proofs.arena import Arena
from tests.proofs.chaos import Chaos
from tests.proofs.table import Way

both = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)


@both
def test_a_signal_ends_a_run_at_any_instant_with_exact_counts(
    arena: Arena, chaos: Chaos, number: signal.Signals
) -> None:
    """A run that had begun is recorded `interrupted` with exit code 143 or 130, nothing is left."""
    for strike in chaos.strikes(chaos.times(3, 25), arena.usual()):
        arena.restore()
        process = arena.start()
        strike.wait(process, arena.batches)
        process.send_signal(number)
        most = arena.batches() + 1  # the one that it was in
        _, said = process.communicate(timeout=PATIENCE)
        arena.quiet()
        arena.exact()
        assert arena.batches() <= most
        chaos.met[recorded(arena, process.returncode, number, said)] += 1
        assert arena.follow().json["warnings"] == []  # the lease was given back, nothing was lost
        assert arena.stale() == 0
        arena.exact()
    chaos.must_have_met("in mid-run")


@both
def test_a_signal_cancels_a_statement_that_does_not_end(
    arena_for: Callable[[Way], Arena], number: signal.Signals
) -> None:
    """After the grace period the query is cancelled on the server, and the run is `interrupted`."""
    arena = arena_for("heap")
    arena.shut_gate()
    process = arena.start()
    until(arena.waiting, "the DELETE runs")
    _stopped(arena, process, number)
    assert arena.gone() == 0
    arena.exact()


def test_a_signal_ends_a_run_that_waits_for_a_locked_table(
    arena_for: Callable[[Way], Arena],
) -> None:
    """The wait for a table that others hold locked ends at once, and nothing is deleted."""
    arena = arena_for("heap")
    process = arena.start()
    until(arena.batches, "a batch was committed")
    with arena.locked():
        until(arena.blocked, "the run waits for the lock")
        _stopped(arena, process, signal.SIGTERM)
    arena.exact()


def test_a_signal_ends_a_run_that_waits_for_an_absent_server(
    arena_for: Callable[[Way], Arena], server: Server
) -> None:
    """It gives up at once with exit 143, and has recorded nothing."""
    arena = arena_for("heap")
    with proxy(server) as network:
        network.faults.refuse = True
        process = arena.start(dsn=network.dsn())
        until(lambda: len(network.links) > 1, "the run tries again")
        process.send_signal(signal.SIGTERM)
        assert arena.end_of(process) == ("interrupted", 143)
    assert arena.ledger() == []


def _stopped(arena: Arena, process: Popen[str], number: signal.Signals) -> None:
    process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE)
    arena.quiet()
    (run,) = arena.ledger()
    expected = ("interrupted", 128 + number, 128 + number)
    assert (run.outcome, run.exit_code, process.returncode) == expected, said
