"""Proof 3 for every sweeping job: a run that is told to stop by SIGTERM or SIGINT."""

import signal
from itertools import cycle

import pytest

from tests.jobs.every import EVERY
from tests.parts.waiting import PATIENCE
from tests.proofs.aftermath import recorded
from tests.proofs.chaos import Chaos
from tests.proofs.every_arena import Fight


@pytest.mark.parametrize("every", EVERY, ids=str)
def test_a_signal_ends_every_job_with_exact_counts(fight: Fight, chaos: Chaos) -> None:
    """A run that had begun is `interrupted` with 143 or 130, and leaves no query."""
    with fight() as arena:
        usual = arena.usual()
    signals = cycle(chaos.shuffled([signal.SIGTERM, signal.SIGINT]))
    for strike, number in zip(chaos.strikes(chaos.times(2, 20), usual), signals, strict=False):
        with fight() as arena:
            process = arena.start()
            strike.wait(process, arena.batches)
            process.send_signal(number)
            _, said = process.communicate(timeout=PATIENCE)
            arena.quiet()
            arena.exact()
            met = recorded(arena, process.returncode, number, said)
            chaos.met[f"{number.name} {met}"] += 1
            # The lease was given back, nothing was lost.
            assert arena.follow().json["warnings"] == []
            arena.over()
    chaos.must_have_met("SIGTERM in mid-run")
    chaos.must_have_met("SIGINT in mid-run")
