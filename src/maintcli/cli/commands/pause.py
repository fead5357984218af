"""maint pause and maint resume"""

from dataclasses import asdict
from typing import Annotated

import typer

from maintcli.cli.location import ConfigLocation
from maintcli.cli.operator import Json, complete_jobs, operator
from maintcli.output.status import paused
from maintcli.output.table import show
from maintcli.registry import known
from maintcli.runtime.heartbeats import pause as write_pause
from maintcli.runtime.heartbeats import resume as write_resume
from maintcli.runtime.heartbeats import whoami
from maintcli.runtime.visit import toolkit_tables

_PAUSED = typer.Argument(metavar="JOB", help="The job to pause.", autocompletion=complete_jobs)
_WHY = typer.Option("--why", metavar="TEXT", help="The reason, for whoever reads status.")
_RESUMED = typer.Argument(metavar="JOB", help="The job to resume.", autocompletion=complete_jobs)


@operator("pause")
def pause(
    location: ConfigLocation,
    *,
    job: Annotated[str, _PAUSED],
    why: Annotated[str | None, _WHY] = None,
    json: Json = False,
) -> None:
    """Keep a job from running until it is resumed.

    Its runs then end as skipped, with exit code 0. One that goes on is not stopped.
    """
    config = location.read_aloud()
    known(config, job)
    with toolkit_tables(location.target(config), "pause", write=True) as (session, schema):
        found = write_pause(session, schema, job, by=whoami(), why=why)
    show({"job": job, "paused": asdict(found)}, lambda: [f"{job} is {paused(found)}."], json=json)


@operator("resume")
def resume(location: ConfigLocation, *, job: Annotated[str, _RESUMED], json: Json = False) -> None:
    """Let a paused job run again."""
    config = location.read_aloud()
    known(config, job)
    with toolkit_tables(location.target(config), "resume", write=True) as (session, schema):
        was_paused = write_resume(session, schema, job)
    sentence = f"{job} runs again." if was_paused else f"{job} was not paused."
    show({"job": job, "paused": None, "was_paused": was_paused}, lambda: [sentence], json=json)
