"""The command of one job."""

from collections.abc import Mapping
from typing import Any

import typer

from maintcli import catalog
from maintcli.api import Job
from maintcli.cli.execute import run_job
from maintcli.cli.params import command
from maintcli.errors import Bug


def load_job(name: str, entry: catalog.Entry) -> Job:
    """Import the job that `entry` points at."""
    found = catalog.load(entry)
    if not isinstance(found, Job):
        raise Bug(
            reason=f"{entry.target} is no job; it must be a function decorated with maintcli.api.job"
        )
    return found


def job_command(name: str, entry: catalog.Entry) -> Any:
    """The Typer command that runs the job once."""
    job = load_job(name, entry)

    def run(given: Mapping[str, Any]) -> None:
        report = run_job(job, given)
        raise typer.Exit(report.exit_code)

    return command(job.name, job.description, job.settings, run)
