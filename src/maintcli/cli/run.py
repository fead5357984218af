"""Running jobs: one, several, and in all databases."""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from maintcli import registry
from maintcli.cli.location import location
from maintcli.cli.order import make_log, make_order, observers
from maintcli.config.database import no_database
from maintcli.config.model import Config
from maintcli.errors import Code, Outcome, Usage, gravest
from maintcli.runtime.context import Hear, Job, new_run_id
from maintcli.runtime.harness import run
from maintcli.runtime.log import Log
from maintcli.runtime.report import Observers, Report, record_outcome
from maintcli.runtime.shard import Shard, shard
from maintcli.runtime.stop import on_signals

_OF_ONE = ("plan", "apply")  # files that tell of one database


def run_job(job: Job, given: Mapping[str, Any]) -> Code:
    """Run `job` with what was given on the command line and show its report; its exit code."""
    config = location(given).read()
    if location(given).is_everywhere(config):
        return run_in_all_databases([job], config, given)
    # Before there is a log: what is wrong with the command line or the files is one sentence.
    order = make_order(job, config, given, make_log(job.name, given), observers(config))
    with closing(order.log), progress(job, given) as hear:
        for warning in (*config.warnings, *order.database.warnings):
            order.log.warn(warning)
        report = run(job, order._replace(progress=hear))
        record(order.log, report)
    show_report(report, given)
    return report.exit_code


class One(NamedTuple):
    """A job to run, and the database, where it is one of several."""

    job: Job
    database: str | None = None

    def __str__(self) -> str:
        return f"{self.job.name}[{self.database}]" if self.database else self.job.name


def run_several(
    ones: Sequence[One],
    config: Config,
    given: Mapping[str, Any],
    tell: Callable[[One, Report], None],
) -> Code:
    """Run each whatever became of the one before, and `tell` each report; the gravest code.

    A signal ends the run that goes on, and the rest is not started.
    """
    codes: list[Code] = []
    with on_signals() as stopped:
        for number, one in enumerate(ones, start=1):
            report = _run(one, config, given)
            tell(one, report)
            codes.append(report.exit_code)
            if stopped.reason or report.outcome is Outcome.INTERRUPTED:
                _say_rest(ones[number:], given)
                break
    return gravest([*codes, *([stopped.reason.exit_code] if stopped.reason else [])])


def _run(one: One, config: Config, given: Mapping[str, Any]) -> Report:
    """Run one job; that its options are wrong is its own failure, not the end of the others."""
    report = Report(
        job=one.job.name,
        run_id=new_run_id(),
        dry_run=bool(given.get("dry_run")),
        started_at=datetime.now(UTC),
    )
    with closing(make_log(str(one), given)) as log:
        with record_outcome(report, log):
            told = Observers() if one.database else observers(config)
            order = make_order(one.job, config, given, log, told, among=one.database)
            for warning in order.database.warnings:
                log.warn(warning)
            with progress(one.job, given) as hear:
                report = run(one.job, order._replace(progress=hear))
        record(log, report)
    return report


def _say_rest(rest: Sequence[One], given: Mapping[str, Any]) -> None:
    if rest:
        with closing(make_log("run", given)) as log:
            log.warn(f"stopped; not started: {', '.join(map(str, rest))}")


def run_in_all_databases(
    jobs: Sequence[Job],
    config: Config,
    given: Mapping[str, Any],
    *,
    name: str | None = None,
) -> Code:
    """Run `jobs` in every database, whatever became of the one before; the gravest code.

    With --shard, a part of the databases. `name` is what all of it is called.
    """
    from maintcli.output import runs as present
    from maintcli.runtime.whole import Told, together

    registry.check(config)
    _refuse_repetition(jobs)
    title = name or jobs[0].name
    among = databases(config, None if name else _part(jobs[0], config, given))
    began, started_at = time.monotonic(), datetime.now(UTC)
    ones = [One(job, database) for database in among for job in jobs]
    told: list[Told] = []

    def tell(one: One, report: Report) -> None:
        told.append(Told(one.database or "", report))
        if not given.get("json"):
            present.put_line(told[-1], quiet=bool(given.get("quiet")))

    listening = observers(config)
    with closing(make_log(title, given)) as log:
        for warning in config.warnings:
            log.warn(warning)
    begun = together(title, (), code=Code.OK, started_at=started_at)
    listening.tell_start(replace(begun, dry_run=bool(given.get("dry_run"))), log)
    code = run_several(ones, config, given, tell)
    whole = together(title, told, code=code, started_at=started_at)
    whole.dry_run = bool(given.get("dry_run"))
    whole.duration_ms = round((time.monotonic() - began) * 1000)
    listening.tell_end(whole, log)
    rest = [str(one.database) for one in ones[len(told) :]]
    present.put_whole(whole, told, rest, given)
    return code


def _refuse_repetition(jobs: Sequence[Job]) -> None:
    """Raise Usage for what has nothing to do with a database, and would be done for each."""
    alone = [job.name for job in jobs if not job.needs_database]
    if alone:
        raise Usage(
            f"--database all would send {', '.join(alone)} once for each database; name the"
            " one that shall hold its ledger."
        )


def _part(job: Job, config: Config, given: Mapping[str, Any]) -> Shard | None:
    """The part of the databases that is meant; whatever is wrong with an option is said here."""
    values = config.resolve(job.name, job.settings, given)
    for option in _OF_ONE:
        if option in values and values[option].value is not None:
            raise Usage(f"--{option} is for one database; it does not go with all.")
    return shard(values.get("shard"), os.environ)


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


def show_report(report: Report, given: Mapping[str, Any]) -> None:
    """Print the report to standard output, as --json, --quiet or neither wants it."""
    from maintcli.output.out import put

    if given.get("json"):
        from maintcli.output.out import as_json

        put(as_json(report.as_dict()))
    elif not (given.get("quiet") and report.success):
        from maintcli.output.text import summary

        put(summary(report))


def databases(config: Config, part: Shard | None = None) -> list[str]:
    """The databases that have a URL, in the order of their names; of a part every Nth.

    Raises ConfigError where there are none at all.
    """
    found = [n for n, one in config.databases.items() if one.url_origin(config.variables)]
    if not found:
        raise no_database("database")
    return [n for i, n in enumerate(sorted(found)) if part is None or part.has(i)]
