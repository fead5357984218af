"""Several jobs, one after the other, in one process."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from maintcli.cli.execute import make_log, make_order, progress
from maintcli.config.model import Config
from maintcli.errors import Code, Outcome, gravest
from maintcli.runtime.harness import run
from maintcli.runtime.ids import new_run_id
from maintcli.runtime.job import Job
from maintcli.runtime.judge import judged
from maintcli.runtime.report import Report
from maintcli.runtime.stop import on_signals


def run_several(
    jobs: Sequence[Job], config: Config, given: Mapping[str, Any], tell: Callable[[Report], None]
) -> Code:
    """Run each job whatever became of the one before, and `tell` each report; the gravest code.

    A signal ends the run that goes on, and the rest is not started.
    """
    codes: list[Code] = []
    with on_signals() as stopped:
        for number, job in enumerate(jobs, start=1):
            report = _run(job, config, given)
            tell(report)
            codes.append(report.exit_code)
            if stopped.reason or report.outcome is Outcome.INTERRUPTED:
                _say_rest(jobs[number:], given)
                break
    return gravest([*codes, *([stopped.reason.exit_code] if stopped.reason else [])])


def _run(job: Job, config: Config, given: Mapping[str, Any]) -> Report:
    """Run one job; that its options are wrong is its own failure, not the end of the others."""
    report = Report(
        job=job.name,
        run_id=new_run_id(),
        dry_run=bool(given.get("dry_run")),
        started_at=datetime.now(UTC),
    )
    with closing(make_log(job.name, given)) as log, judged(report, log):
        order = make_order(job, config, given, log)
        for warning in order.database.warnings:
            log.warn(warning)
        with progress(job, given) as hear:
            return run(job, order._replace(progress=hear))
    return report


def _say_rest(rest: Sequence[Job], given: Mapping[str, Any]) -> None:
    if rest:
        with closing(make_log("run", given)) as log:
            log.warn(f"stopped; not started: {', '.join(job.name for job in rest)}")
