"""Proof 2: a run that is killed with SIGKILL, at any instant."""

from collections.abc import Callable

from tests.parts.waiting import until
from tests.proofs.aftermath import next_run
from tests.proofs.arena import Arena
from tests.proofs.chaos import Chaos
from tests.proofs.table import Way


def test_a_killed_run_loses_no_row_and_the_next_one_finishes_its_work(
    arena: Arena, chaos: Chaos
) -> None:
    """After SIGKILL all other rows are there, the ledger is exact, the next run says `lost`."""
    for strike in chaos.strikes(chaos.times(10, 100), arena.usual()):
        arena.restore()
        process = arena.start()
        strike.wait(process, arena.batches)
        process.kill()
        process.communicate()
        arena.quiet()  # the server finishes a batch that it has got
        arena.exact()
        chaos.met[next_run(arena, look_before=chaos.met.total() % 4 == 0)] += 1
        assert arena.stale() == 0
        arena.exact()
    chaos.must_have_met("in mid-run")


def test_a_batch_that_the_server_has_got_counts_without_its_client(
    arena_for: Callable[[Way], Arena],
) -> None:
    """Killed inside a DELETE: the server finishes it, and its rows stand in the ledger."""
    arena = arena_for("heap")
    arena.shut_gate()
    process = arena.start()
    until(arena.waiting, "its DELETE runs")
    process.kill()
    process.communicate()
    arena.open_gate()
    arena.quiet()
    (killed,) = arena.ledger()
    assert (killed.outcome, killed.batches) == ("running", 1)
    assert killed.deleted == arena.gone() > 0
    arena.exact()
