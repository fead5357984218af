"""maint history"""

from typing import Annotated

import typer

from maintcli.cli.location import ConfigLocation
from maintcli.cli.operator import Json, complete_jobs, operator
from maintcli.errors import Usage
from maintcli.output import runs as present
from maintcli.output.show import show
from maintcli.registry import known
from maintcli.runtime.history import history as read
from maintcli.runtime.visit import toolkit_tables
from maintcli.runtime.whole import wholes

_JOB = typer.Argument(
    metavar="JOB", help="Only the runs of this job.", autocompletion=complete_jobs
)
_LIMIT = typer.Option("--limit", metavar="N", help="How many runs to show, the newest first.")
_FAILED = typer.Option("--failed", help="Only runs that failed, were refused, lost or timed out.")


@operator("history")
def history(
    location: ConfigLocation,
    *,
    job: Annotated[str | None, _JOB] = None,
    limit: Annotated[int, _LIMIT] = 20,
    failed: Annotated[bool, _FAILED] = False,
    json: Json = False,
) -> None:
    """Show past runs, the newest first."""
    if limit < 1:
        raise Usage(f"--limit: {limit} is too small; it must be at least 1.")
    config = location.read_aloud()
    with toolkit_tables(location.target(config), "history") as (session, schema):
        runs = wholes(read(session, schema, job=job, limit=limit, failed=failed))
    if job is not None and not runs:
        known(config, job)
    show(
        {"runs": [present.data(run) for run in runs]},
        lambda: present.view(runs),
        json=json,
    )
