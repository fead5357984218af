"""The first run after a retention setting changed to a shorter one is refused.

An edited number once erased 145,000 users' data elsewhere: a shorter age looks like any other
setting, and what it removes is gone.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import psycopg
from psycopg import sql

from maintcli.config.duration import Duration
from maintcli.db import toolkit
from maintcli.errors import ConfigError, Refused
from maintcli.runtime.context import Context
from maintcli.work import count
from maintcli.work.consent import ages
from maintcli.work.target import Target

MOST_COUNTED = 10_000_000

# Runs that this check let through, and that were not stopped from outside.
_NEWEST = sql.SQL("""
SELECT key, run.age, run.started_at
FROM unnest({keys}::text[]) AS key, LATERAL (
    SELECT retention ->> key AS age, started_at FROM {runs}
    WHERE job = {job} AND outcome IN ('success', 'partial', 'timeout')
      AND retention ->> key IS NOT NULL
    ORDER BY started_at DESC LIMIT 1) AS run
""")


class Before(NamedTuple):
    """The age that an earlier run swept by, and when that was."""

    age: Duration
    when: datetime


def check(context: Context, targets: Sequence[Target]) -> None:
    """Raise Refused where an age is shorter than in the run before, and rows are stale only by it.

    `--yes-really N` acknowledges it, as long as at most N rows of the table are stale.
    """
    runs = _runs(context)
    if runs is None:
        return
    names = ages.keys(targets)
    before = _before(context, runs, names, targets)
    for name, target in zip(names, targets, strict=True):
        earlier = before.get(name) or before.get(ages.column(target))
        if earlier is not None and target.older_than.approx_seconds < earlier.age.approx_seconds:
            _check(context, target, earlier)


def _check(context: Context, target: Target, earlier: Before) -> None:
    bound = target.bound_for(context, earlier.age)
    newly = sql.SQL("({}) AND {} >= {}").format(
        target.predicate, sql.Identifier(target.by.name), bound
    )
    found = count.stale(context, target._replace(predicate=newly), most=MOST_COUNTED)
    if not found:
        return
    really: int | None = context.order.value("yes_really")
    if really is not None and count.stale(context, target, most=really + 1) <= really:
        return
    raise Refused(reason=_why(context, target, earlier, found))


def _why(context: Context, target: Target, earlier: Before, found: int) -> str:
    stale = count.stale(context, target, most=MOST_COUNTED)
    more, at_least = (f"{'over ' * (n >= MOST_COUNTED)}{n:,}" for n in (found, stale))
    return (
        f"{ages.column(target)}: the age {target.older_than} ({ages.origin(context, target)}) is"
        f" shorter than the {earlier.age} of the run of {earlier.when:%Y-%m-%d %H:%M} UTC, and"
        f" {more} rows are stale only by the shorter one. Nothing was changed. If it is meant,"
        " look with --dry-run --plan FILE and run with --apply FILE, or acknowledge it with"
        f" --yes-really N, at least the {at_least} rows that are stale now; else set the age back."
    )


def _before(
    context: Context, runs: sql.Composable, names: Sequence[str], targets: Sequence[Target]
) -> Mapping[str, Before]:
    wanted = list({*names, *(ages.column(target) for target in targets)})
    query = _NEWEST.format(keys=wanted, runs=runs, job=context.job)
    rows = context.session.read_composed(query)
    return {key: Before(Duration.parse(age), when.astimezone(UTC)) for key, age, when in rows}


def _runs(context: Context) -> sql.Composable | None:
    """The ledger's table; None, and why, where there is none to ask."""
    if context.lease is not None:
        return context.lease.table("job_runs")
    if context.order.value("no_ledger"):
        context.log.warn(
            "without the ledger (--no-ledger) nobody can say whether the retention was shortened"
        )
        return None
    runs = _readable(context)
    if runs is None:
        context.log.info("no ledger can be read, so a shortened retention would not be seen")
    return runs


def _readable(context: Context) -> sql.Composable | None:
    """A dry run holds no lease, needs no ledger, and looks into one that is there."""
    try:
        found = toolkit.look(context.session.connection, context.order.database.schema)
    except ConfigError:
        return None
    if found.version != toolkit.VERSION or found.foreign:
        return None
    runs = sql.Identifier(found.schema, "job_runs")
    try:
        _ = context.session.read_composed(sql.SQL("SELECT retention FROM {} LIMIT 0").format(runs))
    except psycopg.errors.InsufficientPrivilege:
        return None
    return runs
