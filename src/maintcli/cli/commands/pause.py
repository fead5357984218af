"""maint pause and maint resume"""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from maintcli.cli.location import ConfigLocation
from maintcli.cli.operator import Json, complete_jobs, operator
from maintcli.config.duration import Duration
from maintcli.errors import Usage
from maintcli.output.status import paused
from maintcli.output.table import show
from maintcli.registry import known
from maintcli.runtime.heartbeats import pause as write_pause
from maintcli.runtime.heartbeats import resume as write_resume
from maintcli.runtime.heartbeats import whoami
from maintcli.runtime.visit import toolkit_tables

_PAUSED = typer.Argument(metavar="JOB", help="The job to pause.", autocompletion=complete_jobs)
_WHY = typer.Option("--why", metavar="TEXT", help="The reason, for whoever reads status.")
_FOR = typer.Option("--for", metavar="DURATION", help="End the pause after this time, such as 2h.")
_UNTIL = typer.Option(
    "--until", metavar="TIME", help="End the pause then: 2026-03-01 or 2026-03-01T06:00; UTC."
)
_RESUMED = typer.Argument(metavar="JOB", help="The job to resume.", autocompletion=complete_jobs)


@operator("pause")
def pause(
    location: ConfigLocation,
    *,
    job: Annotated[str, _PAUSED],
    why: Annotated[str | None, _WHY] = None,
    for_: Annotated[str | None, _FOR] = None,
    until: Annotated[str | None, _UNTIL] = None,
    json: Json = False,
) -> None:
    """Keep a job from running, for a time or until it is resumed.

    Its runs then end as skipped, with exit code 0. A run in progress is not stopped.
    """
    config = location.read_aloud()
    known(config, job)
    length, end = _length(for_), _moment(until)
    if length and end:
        raise Usage("--for and --until both say when the pause ends; give one of them.")
    with toolkit_tables(location.target(config), "pause", write=True) as (session, schema):
        me = whoami()
        found = write_pause(session, schema, job, by=me, why=why, length=length, until=end)
    show({"job": job, "paused": asdict(found)}, lambda: [f"{job} is {paused(found)}."], json=json)


@operator("resume")
def resume(location: ConfigLocation, *, job: Annotated[str, _RESUMED], json: Json = False) -> None:
    """Let a paused job run again."""
    config = location.read_aloud()
    known(config, job)
    with toolkit_tables(location.target(config), "resume", write=True) as (session, schema):
        was_paused = write_resume(session, schema, job)
    sentence = f"{job} runs again." if was_paused else f"{job} was not paused."
    show({"job": job, "paused": None, "was_paused": was_paused}, lambda: [sentence], json=json)


def _length(text: str | None) -> Duration | None:
    if text is None:
        return None
    try:
        length = Duration.parse(text)
    except ValueError as error:
        raise Usage(f"--for: {error}.") from None
    if not length.months and length.seconds <= 0:
        raise Usage(f"--for: {text} is no time to pause for; write a duration such as 2h.")
    return length


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Usage(
            f"--until: {text!r} is not a time; write 2026-03-01T06:00, or with an offset"
            " 2026-03-01T06:00+02:00."
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment <= datetime.now(UTC):
        raise Usage(f"--until: {text} is in the past.")
    return moment
