"""Running one job inside a program of someone else: maintcli.api.run_job."""

import os
from collections.abc import Mapping, Sequence
from typing import cast

from maintcli import registry
from maintcli.cli.location import ConfigLocation
from maintcli.cli.order import make_order
from maintcli.config.database import ALL, MAIN, URL_VARIABLE
from maintcli.config.messages import hint
from maintcli.errors import Outcome, Usage
from maintcli.runtime.context import Job
from maintcli.runtime.harness import run
from maintcli.runtime.log import Level, Log
from maintcli.runtime.report import Observers, Report


def run_job(
    name: str,
    options: Mapping[str, object],
    *,
    database_url: str | None,
    database: str | None,
    config: str | os.PathLike[str] | None,
) -> Report:
    """Run the job `name`; its report. Raises MaintError before there is a run.

    Raises KeyboardInterrupt after a run that it ended.
    """
    environ = dict(os.environ)
    if database_url is not None:
        if database is not None:
            raise Usage("Give database_url or database, not both.")
        environ[URL_VARIABLE], database = database_url, MAIN
    if database == ALL:
        raise Usage("run_job runs in one database; name one.")
    location = ConfigLocation(
        config=None if config is None else os.fspath(config), database=database
    )
    found = location.read(environ)
    job = registry.job(found, registry.known(found, name))
    given = {**_given(job, options), "config": location.config, "database": location.database}
    log = Log(job.name, Level.WARNING)
    order = make_order(job, found, given, log, Observers())._replace(owns_process=False)
    for warning in (*found.warnings, *order.database.warnings):
        log.warn(warning)
    report = run(job, order)
    if report.outcome is Outcome.INTERRUPTED:  # by nothing else: signals are the caller's
        raise KeyboardInterrupt
    return report


def _given(job: Job, options: Mapping[str, object]) -> dict[str, object]:
    """The values as a command line or maint.toml would give them. Raises Usage."""
    known = {option.name for option in job.settings}
    for name in options:
        if name not in known:
            raise Usage(f"{job.name} has no option {name!r}; {hint(name, known)}")
    return {name: _plain(value) for name, value in options.items()}


def _plain(value: object) -> object:
    if isinstance(value, tuple | list):
        return [str(part) for part in cast("Sequence[object]", value)]
    return value if isinstance(value, str | int | float | None) else str(value)
