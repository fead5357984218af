"""Proof 5, second half: the network cuts a connection just before, or just after, a COMMIT."""

from collections.abc import Callable, Generator

import pytest

from tests.parts.faults import Moment
from tests.parts.proxy import Proxy, proxy
from tests.parts.server import Server
from tests.proofs.arena import Arena
from tests.proofs.chaos import Chaos
from tests.proofs.table import Way

BATCH = b"DO $maint$"
COMMIT = b"COMMIT"
END = b"WITH ended AS"
moments = pytest.mark.parametrize("moment", ["before", "after"])


@pytest.fixture
def network(server: Server) -> Generator[Proxy]:
    """A proxy in front of the session's server."""
    with proxy(server) as made:
        yield made


@moments
def test_a_run_whose_batch_was_cut_off_goes_on_and_counts_it_once(
    arena: Arena, network: Proxy, chaos: Chaos, moment: Moment
) -> None:
    """Whether the lost COMMIT counted is read from the ledger, and the run ends with success."""
    wanted = chaos.times(2, 25)
    most = max(2, arena.usual().batches // 2)
    for nth in [1, *chaos.turns(2 * wanted, most)]:
        if chaos.met["cuts"] == wanted:
            break
        arena.restore()
        cut = network.cut_at(BATCH, moment, nth=nth)
        found = arena.run(dsn=network.dsn(arena.conn.info.dbname))
        assert cut.done or nth > 1
        if not cut.done:  # batches are made by time: this run had fewer
            continue
        assert (found.code, found.json["outcome"]) == (0, "success"), found.err
        assert any("connection was lost" in line for line in found.json["warnings"])
        (run,) = arena.ledger()
        assert run.deleted == found.json["deleted_count"] == arena.stale_rows
        assert arena.stale() == 0
        arena.exact()
        chaos.met["cuts"] += 1


@moments
def test_a_run_cut_off_at_any_commit_goes_on_or_says_69(
    arena_for: Callable[[Way], Arena], network: Proxy, chaos: Chaos, moment: Moment
) -> None:
    """From the first transaction to the last: the ledger is exact, the next run does the rest."""
    arena = arena_for("heap")
    dsn = network.dsn(arena.conn.info.dbname)
    first = list(range(1, 9)) if chaos.times(0, 1) else [1, 2, 4]
    for nth in first + chaos.pick(chaos.times(1, 20), 25):
        arena.restore()
        network.cut_at(COMMIT, moment, nth=nth)
        chaos.met[arena.survived(arena.start(dsn=dsn))] += 1


@moments
def test_a_run_whose_end_was_cut_off_says_it_again(
    arena_for: Callable[[Way], Arena], network: Proxy, moment: Moment
) -> None:
    """All was done, so the ledger says `success`, the exit code is 0, and the lease is free."""
    arena = arena_for("heap")
    cut = network.cut_at(END, moment)
    assert arena.survived(arena.start(dsn=network.dsn(arena.conn.info.dbname))) == "went on"
    assert cut.done
    assert arena.follow().json["outcome"] == "success"


@moments
def test_a_failure_whose_end_was_cut_off_counts_once(
    arena_for: Callable[[Way], Arena], network: Proxy, moment: Moment
) -> None:
    """Saying it again adds one to the consecutive failures, not two."""
    arena = arena_for("heap")
    cut = network.cut_at(END, moment)
    found = arena.run("--max-rows", "1", dsn=network.dsn(arena.conn.info.dbname))
    assert (found.code, cut.done) == (65, True)
    assert [run.outcome for run in arena.ledger()] == ["refused"]
    assert arena.failures() == 1


@moments
def test_a_run_without_a_ledger_does_not_guess(
    arena_for: Callable[[Way], Arena], network: Proxy, moment: Moment
) -> None:
    """With --no-ledger nobody knows whether a lost COMMIT counted, so the run ends with 69."""
    arena = arena_for("heap")
    cut = network.cut_at(BATCH, moment, nth=3)
    found = arena.run("--no-ledger", dsn=network.dsn(arena.conn.info.dbname))
    assert (found.code, cut.done) == (69, True)
    assert found.json["deleted_count"] <= arena.gone() < arena.stale_rows
    assert arena.fresh() == arena.fresh_rows
