"""Several runs, one after the other, in one process."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, NamedTuple

from maintcli.cli.execute import make_log, make_order, progress, record
from maintcli.config.model import Config
from maintcli.errors import Code, Outcome, gravest
from maintcli.runtime.harness import run
from maintcli.runtime.ids import new_run_id
from maintcli.runtime.job import Job
from maintcli.runtime.judge import judged
from maintcli.runtime.report import Report
from maintcli.runtime.stop import on_signals


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
        with judged(report, log):
            order = make_order(one.job, config, given, log, among=one.database)
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
