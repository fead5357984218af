"""maint run-entry"""

from dataclasses import asdict
from typing import Annotated

import typer

from maintcli.cli.declared import declared
from maintcli.cli.location import ConfigLocation, Loudness
from maintcli.cli.operator import Json, operator
from maintcli.cli.options import read_words
from maintcli.cli.run import run_job
from maintcli.cli.scheduled import find
from maintcli.config.section import Section

_ENTRY = typer.Argument(metavar="ENTRY", help="A job, or an entry of [[schedules]].")
_DRY = typer.Option("--dry-run", "-n", help="Show what the run would do, and change nothing.")


@operator("run-entry")
def run_entry(
    location: ConfigLocation,
    loudness: Loudness,
    *,
    entry: Annotated[str, _ENTRY],
    dry_run: Annotated[bool, _DRY] = False,
    json: Json = False,
) -> int:
    """Run an entry of the schedule, with its own options.

    That is what a scheduler runs: a job, with the `options` of maint.toml. A crontab has this where
    the whole command would be longer than a line may be. What the entry says is stronger than an
    option given here, except --dry-run.
    """
    config = location.read()
    found = find(config, entry)
    job = declared(config)[found.job].job
    given = {**asdict(location), **asdict(loudness), "json": json or None}
    given |= read_words(job, found.options, Section(""))
    return run_job(job, given | ({"dry_run": True} if dry_run else {}))
