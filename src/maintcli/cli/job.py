"""The command of one job."""

from collections.abc import Mapping
from typing import Any, cast

import typer

from maintcli import registry
from maintcli.api import Job
from maintcli.cli.execute import run_job
from maintcli.cli.params import command
from maintcli.db.sqlstate import one_line
from maintcli.errors import Bug


def load_job(name: str, entry: registry.Entry) -> Job:
    """Import the job that `entry` points at. Raises Bug for one of another package."""
    if entry.group != registry.PLUGIN_GROUP:
        return cast("Job", registry.load(entry))
    try:
        return _checked(name, registry.load(entry))
    except (Exception, SystemExit) as error:  # whatever a stranger's module does when imported
        reason = one_line(f"{type(error).__name__}: {error}")
        raise Bug(
            f"The job {name} of another package ({entry.target}) cannot be loaded: {reason}. Mend"
            " that package, or take it out of plugins in maint.toml."
        ) from error


def _checked(name: str, found: object) -> Job:
    if not isinstance(found, Job):
        raise TypeError("it must be a function decorated with maintcli.api.job")
    if found.name != name:
        raise ValueError(f"its job is called {found.name}; the entry point must be, too")
    return found


def job_command(name: str, entry: registry.Entry) -> Any:
    """The Typer command that runs the job once."""
    return command_of(load_job(name, entry))


def command_of(job: Job, *, part: str = "jobs") -> Any:
    """The command of `job`, whose settings stand under [part.NAME] of maint.toml."""

    def run(given: Mapping[str, Any]) -> None:
        raise typer.Exit(run_job(job, given))

    return command(job.name, job.description, job.settings, run, part=part)
