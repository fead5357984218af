"""maint readyz"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from maintcli.cli.declared import declared
from maintcli.cli.expected_schedules import expected_schedules
from maintcli.cli.location import ConfigLocation
from maintcli.cli.operator import Json, operator
from maintcli.cli.watching import expected
from maintcli.config.messages import hint
from maintcli.config.model import Config
from maintcli.errors import Code, MaintError, Usage
from maintcli.output import readyz as present
from maintcli.output.show import show
from maintcli.runtime.heartbeats import watch
from maintcli.runtime.history import first_with
from maintcli.runtime.readyz import Check, Demand, checks, demand, status, unasked
from maintcli.runtime.visit import toolkit_tables

_RUNNER = "jobs"
_ONLY = typer.Option(
    "--only", metavar=_RUNNER, help="Make this check alone: how long ago any run was seen."
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
            show(present.data("error", [note], str(error)), lambda: (), json=True)
        error.in_json = json
        raise
    found = found[:1] if only else found
    return _show(status(found), found, json=json)


def _look(location: ConfigLocation, config: Config, asked: Demand) -> list[Check]:
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
    show(present.data(word, found, None), lambda: present.view(word, found), json=json)
    return Code.OK if all(check.ok for check in found) else Code.FAILED
