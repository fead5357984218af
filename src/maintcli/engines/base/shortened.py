"""The first run after a retention setting changed for more rows to go is refused.

An edited number once erased 145,000 users' data elsewhere: a shorter age, or another condition,
looks like any other setting, and what it removes is gone.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from psycopg import sql

from maintcli.config.duration import Duration
from maintcli.db import sqlstate, toolkit
from maintcli.engines.base import ages, count
from maintcli.engines.base.target import Target
from maintcli.errors import ConfigError
from maintcli.runtime import history
from maintcli.runtime.context import Context

MOST_COUNTED = 10_000_000


class Earlier(NamedTuple):
    """The newest run that swept by an age column: its ages by their keys, and when it began."""

    ages: Mapping[str, Duration]
    when: datetime


def _find(context: Context, targets: Sequence[Target]) -> Mapping[str, Earlier]:
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


def objection(context: Context, targets: Sequence[Target]) -> str | None:
    """The sentence where rows are stale only by a shorter age, or a condition that is another."""
    found = _find(context, targets)
    for name, target in zip(ages.keys(targets), targets, strict=True):
        before = found.get(ages.column(target))
        with sqlstate.about(target.title):
            why = _objection(context, name, target, before) if before is not None else None
        if why is not None:
            return f"{ages.column(target)}: {why}."
    return None


def _objection(context: Context, name: str, target: Target, before: Earlier) -> str | None:
    """Why more rows of the table are stale than in the run before."""
    # What went without any condition was more than goes with one.
    age = before.ages.get(name) or before.ages.get(ages.column(target))
    changed = name not in before.ages and any(map(ages.has_condition, (name, *before.ages)))
    if age is None and not changed:
        return None
    newly = target.predicate
    if age is not None:
        if target.older_than.approx_seconds >= age.approx_seconds:
            return None
        by, bound = target.by.value(), target.bound_for(context, age)
        newly = sql.SQL("({}) AND {} >= {}").format(target.predicate, by, bound)
    more = count.stale(context, target._replace(predicate=newly), most=MOST_COUNTED)
    if not more:
        return None
    when = f"the run of {before.when:%Y-%m-%d %H:%M} UTC"
    if changed:
        return _changed(target, when, _are(more))
    place = ages.origin(context, target)
    return (
        f"the age {target.older_than} ({place}) is shorter than the {age} of {when}, and"
        f" {_are(more)} stale only by the shorter one"
    )


def _changed(target: Target, when: str, more: str) -> str:
    place = target.map.setting(target.key, "where")
    if target.also is None:
        return f"{when} had a condition ({place}), which is gone, and {more} stale now"
    return f"the condition ({place}) is another than in {when}, and {more} stale by it"


def _are(rows: int) -> str:
    if rows == 1:
        return "1 row is"
    return f"over {rows:,} rows are" if rows >= MOST_COUNTED else f"{rows:,} rows are"
