"""What the run before swept by, as the ledger kept it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import psycopg
from psycopg import sql

from maintcli.config.duration import Duration
from maintcli.db import toolkit
from maintcli.engines.base import ages
from maintcli.engines.base.target import Target
from maintcli.errors import ConfigError
from maintcli.runtime.context import Context

# Runs that the consent's checks let through, and that were not stopped from outside.
_NEWEST = sql.SQL("""
SELECT age_column, run.retention, run.started_at
FROM unnest({columns}::text[]) AS age_column, LATERAL (
    SELECT retention, started_at FROM {runs}
    WHERE job = {job} AND outcome IN ('success', 'partial', 'timeout')
      AND EXISTS (SELECT FROM jsonb_object_keys(retention) AS key
                  WHERE key = age_column OR starts_with(key, age_column || ' '))
    ORDER BY started_at DESC LIMIT 1) AS run
""")


class Earlier(NamedTuple):
    """The newest run that swept by an age column: its ages by their keys, and when it began."""

    ages: Mapping[str, Duration]
    when: datetime


def find(context: Context, targets: Sequence[Target]) -> Mapping[str, Earlier]:
    """The newest run for each age column; none where there is none, or no ledger to ask."""
    runs = _runs(context)
    if runs is None:
        return {}
    columns = sorted({ages.column(target) for target in targets})
    query = _NEWEST.format(columns=columns, runs=runs, job=context.job)
    return {
        column: Earlier(_of(column, retention), when.astimezone(UTC))
        for column, retention, when in context.session.read_composed(query, ours=True)
    }


def _of(column: str, retention: Mapping[str, str]) -> Mapping[str, Duration]:
    return {
        key: Duration.parse(age)
        for key, age in retention.items()
        if key == column or key.startswith(f"{column} ")
    }


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
    if found.version != toolkit.VERSION or found.foreign or found.faults:
        return None
    runs = sql.Identifier(found.schema, "job_runs")
    try:
        _ = context.session.read_composed(sql.SQL("SELECT retention FROM {} LIMIT 0").format(runs))
    except psycopg.errors.InsufficientPrivilege:
        return None
    return runs
