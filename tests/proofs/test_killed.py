"""Proof 2: a run that is killed with SIGKILL, at any instant."""

from collections.abc import Callable

from tests.parts.cli import Result
from tests.parts.waiting import until
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
        chaos.met[_next_run(arena, chaos)] += 1
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


def _next_run(arena: Arena, chaos: Chaos) -> str:
    """Run again, after the lease where the killed run had one; return when the kill had come."""
    before = arena.ledger()
    if [run.outcome for run in before] != ["running"]:
        assert [run.outcome for run in before] in ([], ["success"]), before
        found = arena.follow()
        _succeeded(found)
        assert len(arena.ledger()) == len(before) + 1
        return "after its end" if before else "before its lease"
    (killed,) = before
    if chaos.met.total() % 4 == 0:
        _waits_for_the_lease(arena)
    arena.expire_lease()
    found = arena.follow()
    _succeeded(found)
    lost, last = arena.ledger()
    assert (lost.run_id, lost.outcome, lost.deleted) == (killed.run_id, "lost", killed.deleted)
    assert last.outcome == "success"
    (warning,) = found.json["warnings"]
    assert killed.run_id in warning
    assert "lost" in warning
    assert " WARNING " in found.err
    return "in mid-run" if killed.batches else "before its first batch"


def _waits_for_the_lease(arena: Arena) -> None:
    left = arena.stale()
    found = arena.follow()
    assert (found.code, found.json["outcome"]) == (0, "skipped")
    assert arena.stale() == left


def _succeeded(found: Result) -> None:
    assert (found.code, found.json["outcome"]) == (0, "success"), found.err
