"""maint status"""

from typing import Annotated

import typer

from maintcli.cli.declared import declared
from maintcli.cli.expected_schedules import expected_schedules
from maintcli.cli.location import ConfigLocation
from maintcli.cli.operator import Json, complete_jobs, operator
from maintcli.cli.watching import statuses
from maintcli.errors import Code
from maintcli.output import status as present
from maintcli.output.show import show
from maintcli.registry import known
from maintcli.runtime import history
from maintcli.runtime.heartbeats import watch
from maintcli.runtime.ledger import JOBS_RUNNER
from maintcli.runtime.visit import toolkit_tables

_JOB = typer.Argument(
    metavar="JOB", help="Only this job, enabled or not.", autocompletion=complete_jobs
)


@operator("status")
def status(
    location: ConfigLocation, *, job: Annotated[str | None, _JOB] = None, json: Json = False
) -> int:
    """Show how each job is doing, and which are late.

    Shown are the jobs that maint.toml enables, and those that were seen to run. It looks and writes
    nothing: a run whose lease has ended is shown as lost, and the job's next run records it. The
    exit code is 0 unless a job's times lie in the future, for then it cannot tell; maint readyz
    judges the rest.
    """
    config = location.read_aloud()
    jobs = declared(config)
    database = location.target(config)
    with toolkit_tables(database, "status") as (session, schema):
        seen, backlogs = watch(session, schema), history.backlogs(session, schema)
    schedules = expected_schedules(config, jobs, database.name, seen.now)
    rows = statuses(jobs, schedules, seen, seen.now, unused=job is not None)
    if job is not None:
        rows = [row for row in rows if row.name == job]
        if not rows:
            known(config, job)
    runner = seen.beats.get(JOBS_RUNNER)
    show(
        present.data(rows, runner, seen.now, backlogs),
        lambda: present.view(rows, runner, seen.now, backlogs),
        json=json,
    )
    beats = [row.beat for row in rows if row.beat and not row.beat.paused]
    return Code.FAILED if any(beat.ahead for beat in beats) else Code.OK
