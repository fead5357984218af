"""Any run, step by step, in the order that docs/how-a-run-goes.md tells."""

import gc
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime

import psycopg

from maintcli.config.database import no_database
from maintcli.db import connect, sqlstate, toolkit
from maintcli.errors import (
    ConfigError,
    Held,
    Interrupted,
    MaintError,
    MissingGrant,
    MissingPrivilege,
    Skip,
    Unreachable,
    Usage,
)
from maintcli.runtime import lease, ledger, stop
from maintcli.runtime.context import Context, Entry, Job, Order, entry, new_run_id
from maintcli.runtime.lease import lease_lost
from maintcli.runtime.ledger import Begun
from maintcli.runtime.report import Report, record_outcome, sentence
from maintcli.runtime.session import RECONNECT_SECONDS, Session
from maintcli.runtime.stop import Deadline

_HELD_RETRY_SECONDS = 1.0
_IF_THERE_SECONDS = 3.0
_ABSENT = (ConfigError, MissingPrivilege, Unreachable)
_DENIED = (MissingGrant, psycopg.errors.InsufficientPrivilege)


def run(job: Job, order: Order) -> Report:
    """Run `job` once. It never raises for what a run can meet: the report says how it ended.

    In a process that is not maint's own, signals and the garbage collector are left alone.
    """
    started = time.monotonic()
    report = Report(
        job=job.name, run_id=new_run_id(), dry_run=order.dry_run, started_at=datetime.now(UTC)
    )
    left = " in a dry run, which changes nothing" if order.dry_run else stop.KEPT
    signals = stop.on_signals(left) if order.owns_process else stop.without_signals()
    with signals as stopped, record_outcome(report, order.log):  # 1. signals first
        context = _connect(job, order, stopped, report)  # 2. configuration and connection
        session = context.session
        try:
            with stop.enforced(context.deadline, stopped, session.cancel, session.cut):
                with _or_without(job, context, report), _allowed(context):
                    _begin(job, context, report)  # 3. paused?  4. lease  5. ledger
                order.observers.tell_start(report, order.log)
                with record_outcome(report, order.log), _allowed(context), _kept(context):
                    _body(job, context, report)  # 6. the work
            with _or_without(job, context, report):
                _end(context, report)  # 7. the end
        finally:
            session.close()
    report.warnings = order.log.warnings
    report.duration_ms = round((time.monotonic() - started) * 1000)
    order.observers.tell_end(report, order.log)
    return report


def _connect(job: Job, order: Order, stopped: stop.Stop, report: Report) -> Context:
    if order.dry_run and not job.can_dry_run:
        raise Usage(
            f"{job.name} cannot show what it would do, so --dry-run is refused; nothing was run."
        )
    job.check(order)  # a mistyped command is no failure of the job: nothing is recorded
    for name in job.secrets:
        order.secret(name)
    for name in job.variables:
        order.variable(name)
    limit = order.value("timeout")
    until = Deadline(limit.approx_seconds, str(limit))
    context = Context(
        job=job.name,
        order=order,
        session=Session(_no_database, stopped, until),
        stop=stopped,
        deadline=until,
        log=order.log,
        variables=frozenset((*job.secrets, *job.variables)),
        has_database=False,
    )
    if job.needs_database or order.is_recorded:
        with _or_without(job, context, report):
            context.session = _open(job, order, stopped, until)
            context.has_database = True
    return context


def _open(job: Job, order: Order, stopped: stop.Stop, until: Deadline) -> Session:
    patience = _IF_THERE_SECONDS if job.needs_database == "if there" else RECONNECT_SECONDS
    opener = _opener(job, order, until, patience)
    session = Session(opener, stopped, until, say=order.log.info, patience=patience)
    try:
        _ = session.connection
    except Interrupted as error:
        left = " before the database was reached; nothing was changed"
        raise Interrupted(error.signal, left) from None
    return session


@contextmanager
def _or_without(job: Job, context: Context, report: Report) -> Generator[None]:
    """Let a job that wants the database only if it is there work on without."""
    try:
        yield
    except (psycopg.Error, MaintError) as raised:
        error = sqlstate.meaning(raised) if isinstance(raised, psycopg.Error) else raised
        if job.needs_database != "if there" or not isinstance(error, _ABSENT):
            raise
        context.has_database &= not isinstance(error, Unreachable)
        report.ledger_missing = context.order.is_recorded
        lack = "This run is missing in the history" if report.ledger_missing else "No database"
        context.log.warn(f"{lack}: {error}")


def _no_database() -> connect.Connection:
    raise _no_ledger()


def _no_ledger() -> ConfigError:
    return ConfigError(
        "No database is configured that could hold the lease and the history. Set DATABASE_URL, or"
        " give --no-ledger to run without them."
    )


def _opener(
    job: Job, order: Order, until: Deadline, patience: float
) -> Callable[[], connect.Connection]:
    database = order.database
    if database.url is None:
        raise no_database(database.section) if job.needs_database else _no_ledger()
    target = connect.parameters(database.url.reveal(), database.url_origin, database.base)
    if password := target.get("password"):
        order.log.hide(password)

    def opener() -> connect.Connection:
        name, seconds = f"maint/{job.name}", min(until.left, patience)
        return connect.connect(target, application=name, read_only=order.dry_run, seconds=seconds)

    return opener


def _begin(job: Job, context: Context, report: Report) -> None:
    """Take the lease and write the ledger row; a dry run and --no-ledger do neither."""
    order, session = context.order, context.session
    report.shard = str(order.shard or "")
    if not (order.is_recorded and context.has_database):
        return
    database = order.database
    try:
        schema = toolkit.require(
            session.connection, database.schema, section=database.section, write=True
        )
    except psycopg.Error:
        context.stop.check()  # a stop cancels what waits for an answer
        raise
    begun = _begun(context, schema, entry(job, order, report))
    context.lease = begun.lease
    report.is_recorded = True
    report.run_group = begun.group or ""
    part = f" part {order.shard} of {begun.group}" if order.shard else ""
    order.log.info(f"started run={report.run_id}{part}")
    for run_id, started_at in begun.lost:
        when = f"{started_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        order.log.warn(f"run {run_id} of {when} never finished: recorded as lost")


@contextmanager
def _allowed(context: Context) -> Generator[None]:
    """Where a privilege is missing, name every one, of this job and of the others."""
    try:
        yield
    except (*_DENIED, ConfigError) as error:
        lacking = _lacking(context, error)
        if lacking is None:
            raise
        raise lacking from error


def _lacking(context: Context, error: Exception) -> MaintError | None:
    """All that is missing. A closed schema makes a table, or every schema, seem not to be there."""
    session = context.session
    if session.connection_or_none is None:
        return None
    try:
        if isinstance(error, ConfigError) and not session.closed_schemas:
            return None
        return context.order.lacking(context)
    except (psycopg.Error, MaintError):  # what stopped the run is said in any case
        return None


def _begun(context: Context, schema: str, entry: Entry) -> Begun:
    wish, patience = context.order.value("if_locked"), context.deadline.left / 2
    while True:
        try:
            return ledger.begin(context.session, schema, entry)
        except Held as held:
            if wish == "skip":
                raise Skip(str(held)) from None
            if wish == "fail" or context.deadline.left < patience:
                raise
            context.stop.wait(_HELD_RETRY_SECONDS)
        except psycopg.errors.LockNotAvailable:  # another run is just beginning
            if context.deadline.left < patience:
                raise


@contextmanager
def _kept(context: Context) -> Generator[None]:
    """Keep the lease, and hold a slot, during the work."""
    session, mine = context.session, context.lease
    if mine is None:
        yield
        return
    with lease.kept(mine, session.opener, context.stop, session.cancel):
        limit = context.config.max_concurrent_jobs
        lease.take_slot(session, mine, limit=limit, timeout=context.deadline.seconds)
        yield


def _end(context: Context, report: Report) -> None:
    if context.lease is None or report.lease_lost:
        return
    ended = ledger.end(context.session.for_last_words(), context.lease, report)
    if ended is None:
        raise lease_lost(context.lease.name)
    report.consecutive_failures, report.previous_outcome = ended


def _body(job: Job, context: Context, report: Report) -> None:
    """Do the work; the figures reach the report however it ends."""
    if context.order.owns_process:
        gc.freeze()  # all that was imported stays; from here on what the work leaves is collected
        gc.enable()
    values = {option.name: context.order.value(option.name) for option in job.options}
    try:
        result = job.body(context, values)
        if is_dataclass(result) and not isinstance(result, type):
            context.counts |= asdict(result)
        own, left = context.counts.pop("message", ""), context.backlog
        report.message = own or sentence(context.counts, backlog=left, dry_run=context.dry_run)
    finally:
        report.counts = context.counts
        report.backlog = context.backlog
        report.retention = context.retention
