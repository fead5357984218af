"""maint readyz"""

from datetime import UTC, datetime
from typing import Annotated

import typer

from maintcli.cli.awaited import awaited
from maintcli.cli.declared import declared
from maintcli.cli.operator import Json, operator
from maintcli.cli.place import Place
from maintcli.cli.watching import expected, look
from maintcli.errors import Code, MaintError
from maintcli.present import readyz as present
from maintcli.present.show import show
from maintcli.runtime.readyz import checks, demand, unknown

_STRICT = typer.Option(
    "--strict", help="Let a scheduled job without a success in time decide the exit code, too."
)


@operator("readyz")
def readyz(place: Place, *, strict: Annotated[bool, _STRICT] = False, json: Json = False) -> int:
    """Check that jobs are being run; else exit with 1.

    The check "jobs" decides while JOBS_ENABLED or JOB_HEARTBEAT_REQUIRED is true: some run must
    have been seen within JOB_HEARTBEAT_TTL_SECONDS (180, or what the schedules need).
    """
    config = place.read_aloud()
    asked = demand(config.variables, strict=strict)
    jobs = declared(config)
    try:
        database = place.target(config)
        seen = look(database, "readyz")
    except MaintError as error:
        if json:
            note = unknown(asked, "the database could not be asked")
            show(present.data("error", [note], str(error)), lambda: (), json=True)
        raise
    now = datetime.now(UTC)
    schedules = awaited(config, jobs, database.name, now)
    found = checks(seen, asked, list(expected(schedules, now)))
    stale = any(check.required and not check.ok for check in found)
    word = "stale" if stale else "ok"
    show(present.data(word, found, None), lambda: present.view(word, found), json=json)
    return Code.FAILED if stale else Code.OK
