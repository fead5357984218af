"""Proof 4, second half: a holder that freezes past its lease (SIGSTOP) writes nothing more."""

import signal
from collections.abc import Callable
from subprocess import Popen

from tests.parts.waiting import until
from tests.proofs.arena import Arena
from tests.proofs.chaos import Chaos
from tests.proofs.table import Way

LEASE_LOST = ("failed", 75)


def freeze(arena: Arena, process: Popen[str]) -> None:
    """Stop it, and let the server finish what it had got before."""
    process.send_signal(signal.SIGSTOP)
    arena.idle()


def test_a_frozen_holder_writes_nothing_after_its_lease(arena: Arena, chaos: Chaos) -> None:
    """Frozen between or inside batches, with its lease over, it wakes up, stops and exits 75."""
    wanted, usual = chaos.times(2, 25), arena.usual()
    for nth in chaos.turns(2 * wanted, max(2, usual.batches // 2)):
        if chaos.met["in mid-run"] == wanted:
            break
        arena.restore()
        process = arena.start()
        chaos.inside(usual, nth).wait(process, arena.batches)
        freeze(arena, process)
        arena.expire_lease()
        gone, (frozen,) = arena.gone(), arena.ledger()
        process.send_signal(signal.SIGCONT)
        if arena.end_of(process) != LEASE_LOST:
            assert gone == arena.stale_rows  # all had been done before the freeze
            continue
        assert arena.gone() == gone
        assert arena.ledger() == [frozen]
        arena.exact()
        _next_run_says_lost(arena)
        chaos.met["in mid-run"] += 1
    chaos.must_have_met("in mid-run")


def _next_run_says_lost(arena: Arena) -> None:
    found = arena.follow()
    assert "lost" in found.json["warnings"][0]
    assert [run.outcome for run in arena.ledger()] == ["lost", "success"]
    assert arena.stale() == 0
    arena.exact()


def test_a_holder_whose_successor_has_finished_touches_no_row(
    arena_for: Callable[[Way], Arena],
) -> None:
    """Rows that grew stale after the successor's end are there after the old holder woke up."""
    arena = arena_for("heap")
    process = arena.start("--share", "10")
    until(arena.batches, "a batch was committed")
    freeze(arena, process)
    arena.expire_lease()
    assert arena.follow().json["outcome"] == "success"
    arena.exact()
    before = arena.ledger()
    assert [run.outcome for run in before] == ["lost", "success"]
    arena.conn.execute("INSERT INTO active_sessions SELECT * FROM saved ON CONFLICT DO NOTHING")
    process.send_signal(signal.SIGCONT)
    assert arena.end_of(process) == LEASE_LOST
    assert arena.stale() == arena.stale_rows
    assert arena.ledger() == before
    assert arena.fresh() == arena.fresh_rows


def test_a_batch_in_flight_is_rolled_back_when_its_lease_has_gone_to_another(
    arena_for: Callable[[Way], Arena],
) -> None:
    """A DELETE that outlasts its lease meets the fence: the successor alone has deleted."""
    arena = arena_for("heap")
    arena.shut_gate()
    old = arena.start()
    until(arena.waiting, "its DELETE runs on the server")
    old.send_signal(signal.SIGSTOP)
    arena.expire_lease()
    new = arena.start()
    until(lambda: arena.waiting() == 2, "the successor's DELETE runs beside it")
    arena.open_gate()
    assert arena.end_of(new) == ("success", 0)
    old.send_signal(signal.SIGCONT)
    assert arena.end_of(old) == LEASE_LOST
    (lost, last) = arena.ledger()
    assert (lost.outcome, lost.deleted) == ("lost", 0)
    assert (last.outcome, last.deleted) == ("success", arena.stale_rows)
    arena.exact()
