"""maint resume"""

from typing import Annotated

import typer

from maintcli.cli.location import ConfigLocation
from maintcli.cli.operator import Json, complete_jobs, operator
from maintcli.output.show import show
from maintcli.registry import known
from maintcli.runtime.heartbeats import resume as write
from maintcli.runtime.visit import toolkit_tables

_JOB = typer.Argument(metavar="JOB", help="The job to resume.", autocompletion=complete_jobs)


@operator("resume")
def resume(location: ConfigLocation, *, job: Annotated[str, _JOB], json: Json = False) -> None:
    """Let a paused job run again."""
    config = location.read_aloud()
    known(config, job)
    with toolkit_tables(location.target(config), "resume", write=True) as (session, schema):
        was_paused = write(session, schema, job)
    sentence = f"{job} runs again." if was_paused else f"{job} was not paused."
    show({"job": job, "paused": None, "was_paused": was_paused}, lambda: [sentence], json=json)
