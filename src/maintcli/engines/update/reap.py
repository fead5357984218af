"""Reaping: jobs whose runner died go back to the queue, or are given up at the third death.

The table needs only `status`, `retry_count`, `error_message` and a time; the columns of a lease are
read and cleared if it has them.
"""

from contextlib import suppress
from functools import partial
from typing import LiteralString

from psycopg import sql

from maintcli.config.duration import Duration
from maintcli.db.catalog.tables import Column
from maintcli.engines.base import clock, count, statuses
from maintcli.engines.base.retry import Patience, patiently
from maintcli.engines.base.stale import Stale
from maintcli.engines.base.target import Target, find
from maintcli.engines.update import update
from maintcli.engines.update.result import Reaped
from maintcli.errors import NoSuchColumn
from maintcli.runtime.context import Context
from maintcli.words import moment

KEY = "jobs"
NEEDED = ("status", "retry_count", "error_message")
LEASE = ("locked_until", "run_token")
MOST_DEATHS = 3
_AGES = ("started_at", "updated_at", "created_at")  # the first that the table has says the age
CHANGED = (*NEEDED, *LEASE, "started_at", "finished_at", "run_after", "updated_at")
STATUSES = ("running", "pending", "failed")
_RUNNING: LiteralString = "{status}::text = {'running'}"
_BACKOFF = sql.SQL(
    "clock_timestamp() + (0.9::float8 + 0.2::float8 * random()) * least("
    "interval '15 s' * power(2::float8, least({deaths} - 1, 10)::float8), interval '1 h')"
)


def reap(context: Context, *, running_for: Duration | None = None) -> Reaped:
    """Take running jobs from dead runners: those whose lease is over.

    With `running_for` also those without a lease, and in either case only after that time.
    """
    target = patiently(Patience(context, done="updated"), partial(_find, context, running_for))
    statuses.check(context, target.table, KEY, target.map, STATUSES)
    limit = f"it ran for over {running_for}" if running_for else "its lease ended"
    status = target.column("status")
    done = update.run(context, target, _changes(target, f"{limit}: its runner died"), kind=status)
    failed = done.kinds[target.map.status("failed")]
    return Reaped(
        updated_count=done.updated,
        requeued_count=done.updated - failed,
        failed_count=failed,
        locked_count=done.locked,
        null_count=_without_time(context, target),
        batches=done.batches,
        cutoff=moment(target.cutoff),
    )


def _find(context: Context, running_for: Duration | None) -> Target:
    if running_for is None:
        target = _running(context, "locked_until", Duration())
    else:
        target = _oldest(context, running_for)
        if lease := _optional(target, "locked_until"):
            over = sql.SQL("({lease} IS NULL OR {lease} < {now})").format(
                lease=lease.value(), now=_at(target, lease, sql.SQL("now()"))
            )
            target = _and(target, over)
    age = sql.SQL("{} < {}").format(target.by.value(), target.bound)
    return _and(target, age)


def _oldest(context: Context, running_for: Duration) -> Target:
    *others, last = _AGES
    for name in others:
        if name in context.config.table(KEY).columns:
            return _running(context, name, running_for)
        with suppress(NoSuchColumn):
            return _running(context, name, running_for)
    return _running(context, last, running_for)


def _running(context: Context, by: str, age: Duration) -> Target:
    stale = Stale(KEY, _RUNNING, by=by, older_than=age)
    target = find(context, stale, deleting=False)
    assert target is not None  # noqa: S101  the table is not optional
    return target


def _and(target: Target, condition: sql.Composable) -> Target:
    both = sql.SQL("{} AND {}").format(target.predicate, condition)
    return target._replace(predicate=both)


def _changes(target: Target, reason: str) -> dict[Column, sql.Composable]:
    """The new values; a job that is given up keeps its times."""
    retries = target.column("retry_count")
    deaths = sql.SQL("(coalesce({}, 0)::bigint + 1)").format(sql.Identifier(retries.name))
    dead = sql.SQL("{} >= {}").format(deaths, MOST_DEATHS)

    def either(failed: sql.Composable, pending: sql.Composable) -> sql.Composable:
        return sql.SQL("CASE WHEN {} THEN {} ELSE {} END").format(dead, failed, pending)

    last = sql.Literal(f"its runner died {MOST_DEATHS} times")
    now, null = sql.SQL("clock_timestamp()"), sql.SQL("NULL")
    changes = {
        target.column("status"): either(
            sql.Literal(target.map.status("failed")), sql.Literal(target.map.status("pending"))
        ),
        retries: deaths,
        target.column("error_message"): either(last, sql.Literal(reason)),
    }
    for name in LEASE:
        if column := _optional(target, name):
            changes[column] = null
    if (column := _optional(target, "started_at")) and column.nullable:
        changes[column] = either(sql.Identifier(column.name), null)
    if column := _optional(target, "finished_at"):
        changes[column] = either(_at(target, column, now), null)
    if column := _optional(target, "run_after"):
        later = _at(target, column, _BACKOFF.format(deaths=deaths))
        changes[column] = either(sql.Identifier(column.name), later)
    if column := _optional(target, "updated_at"):
        changes[column] = _at(target, column, now)
    return changes


def _optional(target: Target, name: str) -> Column | None:
    """The column, None where the table has none and the configuration does not say it has."""
    if name in target.map.columns or name in target.table.columns:
        return target.column(name)
    return None


def _at(target: Target, column: Column, when: sql.Composable) -> sql.Composable:
    return clock.in_terms_of(target.table, target.key, target.map, column, when)


def _without_time(context: Context, target: Target) -> int | None:
    if not target.by.nullable:
        return 0
    status, by = (sql.Identifier(target.column("status").name), sql.Identifier(target.by.name))
    running = sql.Literal(target.map.status("running"))
    condition = sql.SQL("{}::text = {} AND {} IS NULL").format(status, running, by)
    return count.aside(context, target, condition)
