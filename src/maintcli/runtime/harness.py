"""Any run, step by step, in the order that docs/how-a-run-goes.md tells."""

import socket
import time
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime

from maintcli import __version__
from maintcli.db import connect, toolkit
from maintcli.errors import CannotDryRun, Held, LeaseLost, NoDatabase, Skip
from maintcli.runtime import deadline, lease, ledger, slots, stop
from maintcli.runtime.context import Context
from maintcli.runtime.deadline import Deadline
from maintcli.runtime.ids import new_run_id
from maintcli.runtime.job import Job, Order
from maintcli.runtime.judge import judged
from maintcli.runtime.ledger import Begun, Entry
from maintcli.runtime.origin import origin, runner_id, scheduled_for
from maintcli.runtime.report import Report
from maintcli.runtime.session import Session

_HELD_RETRY_SECONDS = 1.0


def run(job: Job, order: Order) -> Report:
    """Run `job` once. It never raises for what a run can meet: the report says how it ended."""
    started = time.monotonic()
    report = Report(
        job=job.name, run_id=new_run_id(), dry_run=order.dry_run, started_at=datetime.now(UTC)
    )
    with stop.on_signals() as stopped, judged(report, order.log):  # 1. signals first
        context = _connect(job, order, stopped)  # 2. configuration and connection
        session = context.session
        try:
            with deadline.enforced(context.deadline, stopped, session.cancel, session.cut):
                if order.dry_run or order.value("no_ledger"):
                    _body(job, context, report)
                else:
                    _recorded(job, context, report)  # 3 to 7
        finally:
            session.close()
    report.warnings = order.log.warnings
    report.duration_ms = round((time.monotonic() - started) * 1000)
    for tell in order.observers:
        tell(report)
    return report


def _connect(job: Job, order: Order, stopped: stop.Stop) -> Context:
    if order.dry_run and not job.can_dry_run:
        raise CannotDryRun(job=job.name)
    database, limit = order.database, order.value("timeout")
    if database.url is None:
        raise NoDatabase(section=database.section)
    until = Deadline(limit.approx_seconds, str(limit))
    target = connect.parameters(database.url.reveal(), database.url_origin)
    if password := target.get("password"):
        order.log.hide(password)

    def opener() -> connect.Connection:
        return connect.connect(target, application=f"maint/{job.name}", read_only=order.dry_run)

    session = Session(opener, stopped, until)
    _ = session.connection
    return Context(order=order, session=session, stop=stopped, deadline=until, log=order.log)


def _recorded(job: Job, context: Context, report: Report) -> None:
    session, order = context.session, context.order
    schema = toolkit.require(
        session.connection, order.database.schema, section=order.database.section
    )
    begun = _begin(job, context, report, schema)  # 3. paused?  4. lease  5. ledger
    context.lease = begun.lease
    with (
        judged(report, order.log),
        lease.kept(begun.lease, session.opener, context.stop, session.cancel),
    ):
        limit = order.config.max_concurrent_jobs
        slots.take(session, begun.lease, limit=limit, timeout=context.deadline.seconds)
        _body(job, context, report)  # 6. the work
    if not report.lease_lost and not ledger.end(
        session.for_last_words(), begun.lease, report
    ):  # 7. the end
        raise LeaseLost(job=job.name)


def _begin(job: Job, context: Context, report: Report, schema: str) -> Begun:
    order, wait_until = context.order, context.deadline.left / 2
    entry = _entry(job, order, report)
    while True:
        try:
            begun = ledger.begin(context.session, schema, entry)
            break
        except Held as held:
            wish = order.value("if_locked")
            if wish == "skip":
                raise Skip(reason=str(held)) from None
            if wish == "fail" or context.deadline.left < wait_until:
                raise
            context.stop.wait(_HELD_RETRY_SECONDS)
    order.log.info(f"started run={report.run_id}")
    for run_id, started_at in begun.lost:
        order.log.warn(f"run {run_id} of {started_at} started and never finished: recorded as lost")
    return begun


def _entry(job: Job, order: Order, report: Report) -> Entry:
    return Entry(
        job=job.name,
        run_id=report.run_id,
        origin=origin(order.environ),
        scheduled_for=scheduled_for(order.environ),
        host=socket.gethostname(),
        runner_id=runner_id(order.environ),
        version=__version__,
        config_hash=order.config.hash,
        parameters=order.parameters(),
    )


def _body(job: Job, context: Context, report: Report) -> None:
    """Do the work; the figures reach the report however it ends."""
    values = {option.name: context.order.value(option.name) for option in job.options}
    try:
        result = job.body(context, values)
        if is_dataclass(result) and not isinstance(result, type):
            context.counts |= asdict(result)
    finally:
        report.counts = context.counts
        report.backlog = context.backlog
