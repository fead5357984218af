"""Proof 2 for every sweeping job: a run that is killed with SIGKILL, at any instant."""

import pytest

from tests.jobs.every import EVERY
from tests.proofs.aftermath import next_run
from tests.proofs.chaos import Chaos
from tests.proofs.every_arena import Fight


@pytest.mark.parametrize("every", EVERY, ids=str)
def test_a_killed_job_touches_no_other_row_and_its_next_run_finishes(
    fight: Fight, chaos: Chaos
) -> None:
    """After SIGKILL the fresh rows are there, the ledger is exact, the next run says `lost`."""
    with fight() as arena:
        usual = arena.usual()
        arena.over()
    for strike in chaos.strikes(chaos.times(2, 20), usual):
        with fight() as arena:
            process = arena.start()
            strike.wait(process, arena.batches)
            process.kill()
            process.communicate()
            arena.quiet()  # the server finishes a batch that it has got
            arena.exact()
            chaos.met[next_run(arena, look_before=chaos.met.total() % 4 == 1)] += 1
            arena.over()
    chaos.must_have_met("in mid-run")
