"""The demo is killed with SIGKILL, at any instant."""

from functools import partial
from pathlib import Path

from maintcli.cli.commands import demo as tour
from tests.parts.cli import Maint
from tests.parts.folders import short_folder
from tests.parts.users import processes_of
from tests.parts.waiting import until
from tests.proofs.chaos import Chaos, after

SECONDS = 5.0
"""About how long it takes."""


def test_a_killed_demo_leaves_no_server(maint: Maint, chaos: Chaos) -> None:
    """Not while it is being started, not while it serves."""
    for instant in chaos.instants(chaos.times(3, 30), SECONDS):
        with short_folder() as folder:
            process = maint.start("demo", env={"TMPDIR": str(folder)})
            after(instant)
            process.kill()
            out, _ = process.communicate()
            steps = out.count("\n$ maint ")
            chaos.met["before its end" if steps < len(tour.STEPS) else "at its end"] += 1
            until(partial(nothing_runs, folder), "no process is left")


def nothing_runs(folder: Path) -> bool:
    """Whether no process names the folder: no guard, no initdb, no server."""
    return not processes_of(folder)
