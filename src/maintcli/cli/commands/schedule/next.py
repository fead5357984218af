"""maint schedule next"""

from datetime import UTC, datetime
from typing import Annotated

import typer

from maintcli.cli.commands.schedule.render import JOBS
from maintcli.cli.expected_schedules import starts
from maintcli.cli.location import ConfigLocation
from maintcli.cli.operator import Json, operator
from maintcli.cli.scheduled import none_enabled, scheduled
from maintcli.errors import Usage
from maintcli.output import schedule as present
from maintcli.output.show import show
from maintcli.schedules.due import coming

_MOST_TIMES = 1000

_COUNT = typer.Option("--count", metavar="N", help="How many times to show.")


@operator("next")
def next_(
    location: ConfigLocation,
    *,
    jobs: Annotated[list[str] | None, JOBS] = None,
    count: Annotated[int, _COUNT] = 10,
    json: Json = False,
) -> None:
    """Show the coming times, of all entries together."""
    if not 1 <= count <= _MOST_TIMES:
        raise Usage(f"--count: {count} is out of range; it must be from 1 to {_MOST_TIMES}.")
    now = datetime.now(UTC)
    config = location.read_aloud()
    entries = scheduled(config, jobs or (), location.database)
    if not entries:
        raise none_enabled(config, "schedule next")
    times = starts(coming(entries, now, count))
    show(present.data(times, now), lambda: present.view(times, now), json=json)
