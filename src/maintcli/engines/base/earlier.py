"""What the run before swept by, as the ledger kept it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from maintcli.config.duration import Duration
from maintcli.db import toolkit
from maintcli.engines.base import ages
from maintcli.engines.base.target import Target
from maintcli.errors import ConfigError
from maintcli.runtime import history
from maintcli.runtime.context import Context


class Earlier(NamedTuple):
    """The newest run that swept by an age column: its ages by their keys, and when it began."""

    ages: Mapping[str, Duration]
    when: datetime


def find(context: Context, targets: Sequence[Target]) -> Mapping[str, Earlier]:
    """The newest run for each age column; none where there is none, or no ledger to ask."""
    schema = _schema(context)
    if schema is None:
        return {}
    columns = sorted({ages.column(target) for target in targets})
    return {
        column: Earlier(_of(column, retention), when.astimezone(UTC))
        for column, retention, when in history.ages(context.session, schema, context.job, columns)
    }


def _of(column: str, retention: Mapping[str, str]) -> Mapping[str, Duration]:
    return {
        key: Duration.parse(age)
        for key, age in retention.items()
        if key == column or key.startswith(f"{column} ")
    }


def _schema(context: Context) -> str | None:
    """The ledger's schema; None, and why, where there is no ledger to ask."""
    if context.lease is not None:
        return context.lease.schema
    if context.order.value("no_ledger"):
        context.log.warn(
            "without the ledger (--no-ledger) nobody can say whether the retention was shortened"
        )
        return None
    schema = _readable(context)
    if schema is None:
        context.log.info("no ledger can be read, so a shortened retention would not be seen")
    return schema


def _readable(context: Context) -> str | None:
    """A dry run holds no lease, needs no ledger, and looks into one that is there."""
    try:
        found = toolkit.look(context.session.connection, context.order.database.schema)
    except ConfigError:
        return None
    if found.version != toolkit.VERSION or found.foreign or found.faults:
        return None
    return found.schema if history.is_readable(context.session, found.schema) else None
