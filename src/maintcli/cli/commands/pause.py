"""maint pause"""

from dataclasses import asdict
from typing import Annotated

import typer

from maintcli.cli.location import ConfigLocation
from maintcli.cli.operator import Json, complete_jobs, operator
from maintcli.output.show import show
from maintcli.output.status import paused
from maintcli.registry import known
from maintcli.runtime.heartbeats import pause as write
from maintcli.runtime.heartbeats import whoami
from maintcli.runtime.visit import toolkit_tables

_JOB = typer.Argument(metavar="JOB", help="The job to pause.", autocompletion=complete_jobs)
_WHY = typer.Option("--why", metavar="TEXT", help="The reason, for whoever reads status.")


@operator("pause")
def pause(
    location: ConfigLocation,
    *,
    job: Annotated[str, _JOB],
    why: Annotated[str | None, _WHY] = None,
    json: Json = False,
) -> None:
    """Keep a job from running until it is resumed.

    Its runs then end as skipped, with exit code 0. One that goes on is not stopped.
    """
    config = location.read_aloud()
    known(config, job)
    with toolkit_tables(location.target(config), "pause", write=True) as (session, schema):
        found = write(session, schema, job, by=whoami(), why=why)
    show({"job": job, "paused": asdict(found)}, lambda: [f"{job} is {paused(found)}."], json=json)
