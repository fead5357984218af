"""Setting columns of stale rows, for a job that keeps them."""

from collections.abc import Mapping
from functools import partial
from typing import LiteralString

from psycopg import sql

from maintcli.db import sqlstate
from maintcli.db.catalog.tables import Column
from maintcli.engines.base import approval, count, forecast, guard, protections, statuses
from maintcli.engines.base.guard import Expected
from maintcli.engines.base.pacing import Budget
from maintcli.engines.base.retry import Patience, patiently
from maintcli.engines.base.stale import Stale
from maintcli.engines.base.target import Target, find, log_changes
from maintcli.engines.base.throttle import Throttle
from maintcli.engines.update.marking import Marking
from maintcli.engines.update.result import Marked
from maintcli.errors import Usage
from maintcli.runtime.context import Context
from maintcli.words import moment


def update(context: Context, wanted: Stale, values: Mapping[str, LiteralString]) -> Marked:
    """Set columns of the rows that `wanted` describes; `values` are SQL without columns,
    with statuses in braces.

    Raises Refused, and what else a sweep raises. An optional table may be missing.
    """
    _refuse_what_is_for_deleting(context)
    target = patiently(
        Patience(context, done="updated"), partial(find, context, wanted, deleting=False)
    )
    if target is None:
        return Marked(0, 0, 0, 0, "")
    named = {status for value in values.values() for status in statuses.named(value)}
    statuses.check(context, target.table, target.key, target.map, named)
    holes = statuses.holes(target.map, named)
    changes = {
        target.column(name): sql.SQL(value).format(**holes) for name, value in values.items()
    }
    marking = run(context, target, changes, kind=target.column(next(iter(values))))
    return Marked(
        updated_count=marking.updated,
        locked_count=marking.locked,
        null_count=count.nulls(context, target),
        batches=marking.batches,
        cutoff=moment(target.cutoff),
    )


def _refuse_what_is_for_deleting(context: Context) -> None:
    if context.shard is not None:
        raise Usage("--shard divides rows that are deleted; these are marked, by one run.")
    for name, does in (
        ("archive", "keeps rows that are deleted"),
        ("keep_detached", "spares partitions that would be dropped"),
    ):
        setting = context.order.values.get(name)
        if setting is not None and setting.value:
            reason = f"{setting.origin} {does}; these are marked, and stay. Leave it out."
            raise Usage(reason)


def run(
    context: Context, target: Target, changes: Mapping[Column, sql.Composable], *, kind: Column
) -> Marking:
    """Change the stale rows, unless a guard of the job objects; tally the values of `kind`."""
    protections.check(context, [target.table], event="UPDATE")
    table = str(target.table)
    cast = {column: _cast(column, value) for column, value in changes.items()}
    marking = Marking(context, target, cast, kind)
    if context.dry_run:
        with sqlstate.about(target.title):
            marking.run()
        _foretell(context, marking)
    shown = Expected({table: marking.updated})
    if "max_rows" in context.order.values:  # the job has the options of a sweep
        with approval.planning(context, [target], shown if context.dry_run else None):
            patiently(marking.patience, partial(_ask, context, target))
        marking.budget = Budget(context)
        marking.throttle = Throttle(context, target.table.oids, marking.budget)
    if not context.dry_run:
        stale = [f"rows of {target.old()}"]
        named = log_changes(context.log, stale, lambda: {table: marking.updated}, "update")
        with named, sqlstate.about(target.title):
            marking.run()
        _end(context, marking)
    return marking


def _ask(context: Context, target: Target) -> None:
    """Raise Refused unless every guard lets this through, or a plan that still holds."""
    lost, now = partial(guard.changes, context, [target]), partial(_now, context, target)
    approval.check(context, [target], lost, now)


def _now(context: Context, target: Target) -> Expected:
    """What a dry run would count at this moment."""
    with sqlstate.about(target.title):
        return Expected({str(target.table): count.own(context, target)})


def _foretell(context: Context, marking: Marking) -> None:
    context.backlog = marking.updated
    context.counts["updated_count"] = marking.updated  # known, should a guard refuse it
    context.log.info(f"would update {marking.updated:,} rows of {marking.target.old()}")


def _end(context: Context, marking: Marking) -> None:
    context.backlog = marking.locked
    if marking.locked:
        rows = f"{marking.locked:,} stale rows"
        context.log.warn(f"{rows} are locked by others; the next run takes them")
    if marking.budget and marking.budget.spent_on:
        forecast.say(context, [marking.target], f"{marking.budget.spent_on} is spent")
    if marking.throttle and marking.throttle.total_ms:
        context.counts["throttled_ms"] = marking.throttle.total_ms
        context.counts["throttled_by"] = dict(marking.throttle.paused_ms)


def _cast(column: Column, value: sql.Composable) -> sql.Composable:
    """`value` as the column's type, which an enumerated one needs; character would cut it."""
    if column.type == "character":
        return value
    return sql.SQL("({})::{}").format(value, sql.SQL(column.declared))  # pyright: ignore[reportArgumentType]  from the catalog
