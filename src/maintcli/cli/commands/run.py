"""maint run and maint run-entry"""

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from maintcli.cli.declared import declared, idle
from maintcli.cli.location import ConfigLocation, Loudness
from maintcli.cli.operator import Json, complete_jobs, operator
from maintcli.cli.options import read_words
from maintcli.cli.run import One, run_in_all_databases, run_job, run_several, show_report
from maintcli.cli.scheduled import find, none_enabled
from maintcli.config.section import Section
from maintcli.errors import Bug, Usage, gravest
from maintcli.output.out import as_json, put
from maintcli.registry import entries, known
from maintcli.runtime.log import printable
from maintcli.runtime.report import Report

_JOBS = typer.Argument(metavar="JOB", help="The jobs, in this order.", autocompletion=complete_jobs)
_ALL = typer.Option("--all", help="Every job that is enabled and has a schedule.")
_DRY = typer.Option("--dry-run", "-n", help="Show what the runs would do, and change nothing.")
_JSON = typer.Option("--json", help="Print one JSON object for all runs instead of text.")
_ENTRY = typer.Argument(metavar="ENTRY", help="A job, or an entry of [[schedules]].")
_DRY_ENTRY = typer.Option("--dry-run", "-n", help="Show what the run would do, and change nothing.")


@operator("run")
def run(
    location: ConfigLocation,
    loudness: Loudness,
    *,
    jobs: Annotated[list[str] | None, _JOBS] = None,
    every: Annotated[bool, _ALL] = False,
    dry_run: Annotated[bool, _DRY] = False,
    json: Annotated[bool, _JSON] = False,
) -> int:
    """Run several jobs, and go on after a failure.

    Their options come from the configuration. The exit code is the gravest of theirs; a signal
    stops the run that goes on, and the rest is not started.
    """
    if every == bool(jobs):
        raise Usage("Name the jobs to run, or give --all; not both.")
    config = location.read_aloud()
    found = declared(config)
    names = [known(config, name) for name in jobs or ()]
    wanted = names or [name for name, one in found.items() if one.schedule.is_on]
    enabled = (name for name in entries(config) if config.enables(name))
    broken = [name for name in names or enabled if name not in found]
    if not wanted and not broken:
        raise none_enabled(config, "run")
    for sentence in [] if names or loudness.quiet else idle(config, found):
        sys.stderr.write(f"maint: {printable(sentence)}\n")
    given = {**asdict(location), **asdict(loudness), "dry_run": dry_run or None, "json": json}
    if location.is_everywhere(config):
        # Named, they are refused; among all, a trigger that were sent for each is left out.
        asked = [found[name].job for name in wanted if name in found]
        asked = [job for job in asked if names or job.needs_database]
        code = run_in_all_databases(asked, config, given, name="run")
        return gravest([code, *(Bug.code for _ in broken)])
    reports: list[Report] = []

    def tell(_one: One, report: Report) -> None:
        reports.append(report)
        if not json:
            show_report(report, given)

    ones = [One(found[n].job) for n in wanted if n in found]
    code = run_several(ones, config, given, tell)
    code = gravest([code, *(Bug.code for _ in broken)])
    if json:
        put(as_json({"exit_code": int(code), "runs": [report.as_dict() for report in reports]}))
    return code


@operator("run-entry")
def run_entry(
    location: ConfigLocation,
    loudness: Loudness,
    *,
    entry: Annotated[str, _ENTRY],
    dry_run: Annotated[bool, _DRY_ENTRY] = False,
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
