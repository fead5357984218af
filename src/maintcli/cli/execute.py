"""Running one job from the command line: read, order, run, show."""

import os
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maintcli import registry
from maintcli.cli.place import Place
from maintcli.config.model import Config
from maintcli.errors import Code, ConfigError, MaintError
from maintcli.runtime.job import Hear, Job, Order
from maintcli.runtime.log import Level, Log, open_found, open_named
from maintcli.runtime.report import Report

if TYPE_CHECKING:
    from maintcli.runtime.context import Context


def read_config(given: Mapping[str, Any]) -> Config:
    """The configuration that --config and --env-file, or their variables, lead to."""
    return place(given).read()


def place(given: Mapping[str, Any]) -> Place:
    """Where to look, of what was given on the command line."""
    return Place(**{name: given.get(name) for name in ("config", "env_file", "database")})


def run_job(job: Job, given: Mapping[str, Any]) -> Code:
    """Run `job` with what was given on the command line and show its report; its exit code."""
    config = read_config(given)
    if place(given).is_everywhere(config):
        from maintcli.cli.everywhere import run_everywhere

        return run_everywhere([job], config, given)
    # Before there is a log: what is wrong with the command line or the files is one sentence.
    order = make_order(job, config, given, make_log(job.name, given))
    from maintcli.runtime.harness import run

    with closing(order.log), progress(job, given) as hear:
        for warning in (*config.warnings, *order.database.warnings):
            order.log.warn(warning)
        report = run(job, order._replace(progress=hear))
        record(order.log, report)
    show(report, given)
    return report.exit_code


def record(log: Log, report: Report) -> None:
    """Write how it ended into the log's files. Standard output says it to everybody else."""
    if log.has_files:
        from maintcli.output.text import end

        log.record(end(report))


def progress(job: Job, given: Mapping[str, Any]) -> AbstractContextManager[Hear]:
    """A listener to progress: a bar on a terminal, nobody elsewhere."""
    if given.get("quiet") or not sys.stderr.isatty():
        return nullcontext(lambda _rows, _share: None)
    from maintcli.output.progress import shown

    return shown(job.name)


def make_order(
    job: Job, config: Config, given: Mapping[str, Any], log: Log, *, among: str | None = None
) -> Order:
    """The order to run `job`; `given` holds its flags by name. Raises Usage or ConfigError.

    `among` is the database where it is one of several: then --shard has chosen it, and whoever
    listens is told of all together.
    """
    check_names(config)
    values = config.resolve(job.name, job.settings, given)
    if among is not None:
        values.pop("shard", None)
    order = Order(
        config=config,
        database=place(given).target(config) if among is None else config.database(among),
        values=values,
        log=log,
        environ=os.environ,
        observers=observers() if among is None else (),
        lacking=partial(_lacking, job),
        place=place(given).words(among),
    )
    _ = order.shard  # before there is a run: a part that cannot be is wrong usage
    return order


def _lacking(job: Job, context: "Context") -> MaintError | None:
    from maintcli.cli.rights import lacking

    return lacking(job, context)


def check_names(config: Config) -> None:
    """Refuse sections of jobs that do not exist, of tables that no job asks for, and of sweeps
    and triggers whose name is taken.
    """
    if config.sweeps:
        from maintcli.cli import configured

        configured.check(config)
    if config.triggers:
        from maintcli.cli import triggered

        triggered.check(config)
    if config.jobs:
        config.check_jobs({*registry.JOBS, *(name for _, name, _ in registry.plugins())})
    if config.tables and not config.plugins:  # a plugin may sweep tables of any name
        from maintcli.db.example import columns

        config.check_tables(columns())


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


def observers() -> list[Any]:
    """Those told at the end, because of where we run."""
    found: list[Any] = []
    if os.environ.get("GITHUB_ACTIONS") == "true":
        from maintcli.observers import github

        found.append(github.tell)
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        from maintcli.observers import kubernetes

        found.append(kubernetes.tell)
    return found


def show(report: Report, given: Mapping[str, Any]) -> None:
    """Print the report to standard output, as --json, --quiet or neither wants it."""
    from maintcli.output.out import put

    if given.get("json"):
        from maintcli.output.json import as_json

        put(as_json(report.as_dict()))
    elif not (given.get("quiet") and report.success):
        from maintcli.output.text import summary

        put(summary(report))
