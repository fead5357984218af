"""maint history and maint show: past runs."""

from typing import Annotated

import typer

from maintcli.cli.location import ConfigLocation
from maintcli.cli.operator import Json, complete_jobs, operator
from maintcli.config.messages import closest
from maintcli.errors import Usage
from maintcli.output import runs as present
from maintcli.output.table import show as display
from maintcli.registry import entries, known
from maintcli.runtime.history import PastRun, find, is_id, together
from maintcli.runtime.history import history as read
from maintcli.runtime.session import Session
from maintcli.runtime.visit import toolkit_tables
from maintcli.runtime.whole import wholes

_JOB = typer.Argument(
    metavar="JOB", help="Only the runs of this job.", autocompletion=complete_jobs
)
_LIMIT = typer.Option("--limit", metavar="N", help="How many runs to show, the newest first.")
_FAILED = typer.Option("--failed", help="Only runs that failed, were refused, lost or timed out.")
_LATEST = "latest"
_RUN = typer.Argument(
    metavar="RUN",
    help='The run\'s id, or enough of its beginning; a job, for its newest run; or "latest".',
    autocompletion=complete_jobs,
)


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
    display(
        {"runs": [present.data(run) for run in runs]},
        lambda: present.view(runs),
        json=json,
    )


@operator("show")
def show(location: ConfigLocation, *, run: Annotated[str, _RUN], json: Json = False) -> None:
    """Show all that the ledger holds of one run.

    Of one that shared its work, all parts are shown.
    """
    config = location.read_aloud()
    with toolkit_tables(location.target(config), "show") as (session, schema):
        (found,) = wholes(_runs(session, schema, run, jobs=list(entries(config))))
    display(present.data(found), lambda: present.view_one(found), json=json)


def _runs(session: Session, schema: str, wanted: str, *, jobs: list[str]) -> list[PastRun]:
    """The run that is `wanted`, with all that are parts of it."""
    newest = read(session, schema, job=None if wanted == _LATEST else wanted, limit=1)
    if newest:
        return newest
    if wanted == _LATEST:
        raise Usage("No run is recorded yet.")
    if wanted in jobs:
        raise Usage(f"No run of {wanted} is recorded yet.")
    if not is_id(wanted):
        near = closest(wanted, jobs)
        meant = f"did you mean {near}?" if near else "maint history lists them."
        raise Usage(f"There is no run and no job {wanted!r}; {meant}")
    return together(session, schema, find(session, schema, wanted))
