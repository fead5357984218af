"""Running one job from the command line: read, order, run, show."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maintcli.config.load import load
from maintcli.config.model import Config
from maintcli.runtime.job import Job, Order
from maintcli.runtime.log import Level, Log, open_files
from maintcli.runtime.report import Report


def read_config(given: Mapping[str, Any]) -> Config:
    """The configuration that --config and --env-file, or their variables, lead to."""
    paths = {name: _path(given, name) for name in ("config", "env_file")}
    return load(**paths, environ=os.environ, cwd=Path.cwd())


def _path(given: Mapping[str, Any], name: str) -> Path | None:
    text = given.get(name)
    return Path(text) if text is not None else None


def run_job(job: Job, given: Mapping[str, Any]) -> Report:
    """Run `job` with what was given on the command line and show its report."""
    config = read_config(given)
    config.check_jobs({job.name, *config.jobs})
    log = make_log(job.name, given, config)
    for warning in config.warnings:
        log.warn(warning)
    order = Order(
        config=config,
        database=config.database(given.get("database")),
        values=config.resolve(job.name, job.settings, given),
        log=log,
        environ=os.environ,
        cwd=Path.cwd(),
        observers=observers(),
    )
    from maintcli.runtime.harness import run

    report = run(job, order)
    show(report, given)
    return report


def make_log(name: str, given: Mapping[str, Any], config: Config) -> Log:
    """The log of a command: as loud as -q and -v say."""
    threshold = (
        Level.ERROR if given.get("quiet") else Level.DEBUG if given.get("verbose") else Level.INFO
    )
    path = given.get("log_file") or os.environ.get("MAINT_LOG_FILE")
    return Log(name, threshold, open_files(Path(path) if path else None, Path.cwd()))


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
    if given.get("json"):
        from maintcli.present.json import as_json

        sys.stdout.write(as_json(report.as_dict()))
    elif not (given.get("quiet") and report.success):
        from maintcli.present.text import summary

        sys.stdout.write(summary(report))
    sys.stdout.flush()
