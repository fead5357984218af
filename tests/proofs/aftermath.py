"""What there is to see after a run was killed, or told to stop."""

import signal

from tests.parts.cli import Result
from tests.proofs.watched import Watched


def recorded(arena: Watched, code: int, number: signal.Signals, said: str) -> str:
    """Check what the ledger says of a run that got a signal; return when that had come."""
    # A shell sees 128 + n also of a process that died of the signal, outside of a run.
    stopped = {128 + number, -number}
    runs = arena.ledger()
    ours = "maintcli" in said and "Fatal Python error" not in said
    if not runs and number == signal.SIGINT and code == 1 and not ours:
        assert "KeyboardInterrupt" in said
        return "before Python had started"
    if not runs:
        assert code in stopped, said
        return "before its lease"
    (run,) = runs
    if run.outcome == "success":
        assert arena.stale() == 0
        assert code in stopped | {0}, said
        return "after its end"
    assert (run.outcome, run.exit_code, code) == ("interrupted", 128 + number, 128 + number), said
    return "in mid-run" if run.batches else "before its first batch"


def next_run(arena: Watched, *, look_before: bool) -> str:
    """Run again, after the lease where the killed run had one; return when the kill had come.

    `look_before` has a run try in vain while the lease lasts.
    """
    before = arena.ledger()
    if [run.outcome for run in before] != ["running"]:
        assert [run.outcome for run in before] in ([], ["success"]), before
        found = arena.follow()
        _succeeded(found)
        assert len(arena.ledger()) == len(before) + 1
        return "after its end" if before else "before its lease"
    (killed,) = before
    if look_before:
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


def _waits_for_the_lease(arena: Watched) -> None:
    left = arena.stale()
    found = arena.follow()
    assert (found.code, found.json["outcome"]) == (0, "skipped")
    assert arena.stale() == left


def _succeeded(found: Result) -> None:
    assert (found.code, found.json["outcome"]) == (0, "success"), found.err
