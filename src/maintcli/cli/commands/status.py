"""maint list, status and readyz: how the jobs are doing."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from maintcli.cli.declared import declared
from maintcli.cli.expected_schedules import expected, expected_schedules, started, starts, statuses
from maintcli.cli.location import ConfigLocation
from maintcli.cli.operator import Json, complete_jobs, operator
from maintcli.cli.scheduled import further
from maintcli.config.messages import hint
from maintcli.config.model import Config
from maintcli.errors import Code, MaintError, Usage
from maintcli.output import status as present
from maintcli.output.table import show
from maintcli.registry import known
from maintcli.runtime import history
from maintcli.runtime import readyz as readiness
from maintcli.runtime.heartbeats import watch
from maintcli.runtime.history import first_with
from maintcli.runtime.ledger import JOBS_RUNNER
from maintcli.runtime.readyz import Check, Demand, checks, demand, unasked
from maintcli.runtime.visit import toolkit_tables
from maintcli.schedules.due import following

_JOB = typer.Argument(
    metavar="JOB", help="Only this job, enabled or not.", autocompletion=complete_jobs
)
_ALL = typer.Option("--all", help="Also what is built in and not used.")
_RUNNER = "jobs"
_ONLY = typer.Option(
    "--only", metavar=_RUNNER, help="Make this check alone: how long ago any run was seen."
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
        present.status_data(rows, runner, seen.now, backlogs),
        lambda: present.status_view(rows, runner, seen.now, backlogs),
        json=json,
    )
    beats = [row.beat for row in rows if row.beat and not row.beat.paused]
    return Code.FAILED if any(beat.ahead for beat in beats) else Code.OK


@operator("list")
def list(  # noqa: A001  the name of the command
    location: ConfigLocation, *, every: Annotated[bool, _ALL] = False, json: Json = False
) -> None:
    """List your jobs, when each is due, and how it last ended.

    Yours are those that maint.toml enables, and those that were seen to run. Without a database, or
    without the toolkit's tables in it, pauses and outcomes are unknown.
    """
    config = location.read_aloud()
    jobs = declared(config)
    more = starts(following(further(config, jobs), datetime.now(UTC)))
    seen, problem = None, None
    try:
        with toolkit_tables(location.target(config), "list") as (session, schema):
            seen = watch(session, schema)
    except MaintError as error:
        problem = str(error)
    now = datetime.now(UTC)
    rows = statuses(jobs, started(config, jobs), seen, now, unused=every)
    unused = len(jobs.keys() - {row.name for row in rows})
    show(
        present.list_data(rows, more, problem),
        lambda: present.list_view(rows, more, problem, now, unused=unused),
        json=json,
    )


@operator("readyz")
def readyz(
    location: ConfigLocation, *, only: Annotated[str | None, _ONLY] = None, json: Json = False
) -> int:
    """Check that enabled jobs run and succeed; else exit with 1.

    The check "jobs" is of all runs together: one must have been seen within
    JOB_HEARTBEAT_TTL_SECONDS (180, or what the most frequent job needs). Then comes a check for
    each enabled job. With JOBS_ENABLED or JOB_HEARTBEAT_REQUIRED set to true a run must have been
    seen even where no job is enabled; set to false, nothing is checked.
    """
    if only not in (None, _RUNNER):
        raise Usage(f"--only: there is no check {only!r}; {hint(only, [_RUNNER])}")
    config = location.read_aloud()
    asked = demand(config.variables)
    if asked.off:
        return _show("off", [unasked(asked, asked.off, ok=True)], json=json)
    try:
        found = _look(location, config, asked)
    except MaintError as error:
        if json:
            note = unasked(asked, "it could not be checked", ok=False)
            show(present.readyz_data("error", [note], str(error)), lambda: (), json=True)
        error.in_json = json
        raise
    found = found[:1] if only else found
    return _show(readiness.status(found), found, json=json)


def _look(location: ConfigLocation, config: Config, asked: Demand) -> Sequence[Check]:
    jobs, database = declared(config), location.target(config)
    with toolkit_tables(database, "readyz") as (session, schema):
        seen = watch(session, schema)
        since = first_with(session, schema, config.hash) or _written(config)
    now = datetime.now(UTC)
    schedules = expected_schedules(config, jobs, database.name, now)
    return checks(seen, asked, [*expected(schedules, now)], since)


def _written(config: Config) -> datetime | None:
    """When maint.toml was last changed: nothing tells better since when a job that no run has seen
    enabled is so.
    """
    return datetime.fromtimestamp(config.path.stat().st_mtime, UTC) if config.path else None


def _show(word: str, found: Sequence[Check], *, json: bool) -> int:
    show(
        present.readyz_data(word, found, None), lambda: present.readyz_view(word, found), json=json
    )
    return Code.OK if all(check.ok for check in found) else Code.FAILED
