"""The order to run a job, made of what was given on the command line."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maintcli import registry
from maintcli.cli.location import location
from maintcli.config.model import Config
from maintcli.errors import ConfigError, MaintError
from maintcli.runtime.context import Job, Order, new_run_id
from maintcli.runtime.log import Level, Log, open_found, open_named
from maintcli.runtime.report import Observers, Report

if TYPE_CHECKING:
    from maintcli.runtime.context import Context

_PLACES = {"GITHUB_ACTIONS", "KUBERNETES_SERVICE_HOST"}  # where observers are on by themselves


def make_order(
    job: Job,
    config: Config,
    given: Mapping[str, Any],
    log: Log,
    told: Observers,
    *,
    among: str | None = None,
) -> Order:
    """The order to run `job`; `given` holds its flags by name. Raises Usage or ConfigError.

    `told` are those who hear of the run, and of an error here. `among` is the database where it is
    one of several: then --shard has chosen it.
    """
    try:
        return _order(job, config, given, log, told, among)
    except MaintError as error:
        told.tell_end(_not_started(job, given, log, error), log)
        raise


def _order(
    job: Job,
    config: Config,
    given: Mapping[str, Any],
    log: Log,
    told: Observers,
    among: str | None,
) -> Order:
    registry.check(config)
    values = config.resolve(job.name, job.settings, given)
    if among is not None:
        values.pop("shard", None)
    order = Order(
        config=config,
        database=location(given).target(config) if among is None else config.database(among),
        values=values,
        log=log,
        environ=os.environ,
        observers=told,
        lacking=partial(_lacking, job),
        place=location(given).words(among),
    )
    _ = order.shard  # before there is a run: a part that cannot be is wrong usage
    return order


def _not_started(job: Job, given: Mapping[str, Any], log: Log, error: MaintError) -> Report:
    return Report(
        job=job.name,
        run_id=new_run_id(),
        dry_run=bool(given.get("dry_run")),
        started_at=datetime.now(UTC),
        outcome=error.outcome,
        exit_code=error.exit_code,
        message=log.safe(str(error)),
        warnings=log.warnings,
    )


def _lacking(job: Job, context: "Context") -> MaintError | None:
    from maintcli.cli.rights import lacking

    return lacking(job, context)


def make_log(name: str, given: Mapping[str, Any]) -> Log:
    """The log of a command: as loud as -q and -v say."""
    threshold = (
        Level.ERROR if given.get("quiet") else Level.DEBUG if given.get("verbose") else Level.INFO
    )
    variable = os.environ.get("MAINT_LOG_FILE")
    path, origin = given.get("log_file"), "--log-file"
    if path is None and variable is not None:
        path, origin = variable, "environment MAINT_LOG_FILE"
    if path is not None and not path.strip():
        raise ConfigError(f"{origin} is blank; give it a path, or leave it out.")
    named, trouble = open_named(Path(path), origin) if path else (None, "")
    found, why_not = open_found(Path.cwd() / "logs")
    log = Log(name, threshold, [file for file in (named, found) if file is not None])
    if trouble:
        log.warn(trouble)
    if why_not:
        log.info(why_not)
    return log


def observers(config: Config) -> Observers:
    """Those who are told how a run goes. Raises ConfigError."""
    if not config.observers.each and _PLACES.isdisjoint(os.environ):
        return Observers()  # and an import is saved
    from maintcli.observers import observers as configured

    return configured(config, os.environ)
