"""maint list"""

from datetime import UTC, datetime
from typing import Annotated

import typer

from maintcli.cli.declared import declared
from maintcli.cli.expected_schedules import started, starts
from maintcli.cli.location import ConfigLocation
from maintcli.cli.operator import Json, operator
from maintcli.cli.scheduled import further
from maintcli.cli.watching import look, statuses
from maintcli.errors import MaintError
from maintcli.output import jobs as present
from maintcli.output.show import show
from maintcli.schedules.due import following

_ALL = typer.Option("--all", help="Also what is built in and not used.")


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
        seen = look(location.target(config), "list")
    except MaintError as error:
        problem = str(error)
    now = datetime.now(UTC)
    rows = statuses(jobs, started(config, jobs), seen, now, unused=every)
    unused = len(jobs.keys() - {row.name for row in rows})
    show(
        present.data(rows, more, problem),
        lambda: present.view(rows, more, problem, now, unused=unused),
        json=json,
    )
