"""What a table still holds when a pass over it has ended: stale rows, rows without a time, all."""

from collections.abc import Sequence
from typing import NamedTuple

import psycopg
from psycopg import sql

from maintcli.db.tables import Part
from maintcli.engines import count, identity
from maintcli.engines.sweep import stripes
from maintcli.engines.sweep.plan import Way
from maintcli.engines.sweep.task import Task
from maintcli.runtime.context import Context

# Where age alone makes a row stale, one way through the table tells all three. A condition that
# looks into other tables is planned better as a WHERE.
_ALL = sql.SQL("""SELECT {same}, count(*) FILTER (WHERE {stale}),
    count(*) FILTER (WHERE {by} IS NULL), count(*) FROM ONLY {part}""")
_STALE = sql.SQL("SELECT {same}, count(*) FROM ONLY {part} WHERE {stale}")


class Left(NamedTuple):
    """Rows of a table; None where not counted in time. With --shard `stale` is this part's."""

    stale: int | None
    nulls: int | None
    rows: int | None


def look(context: Context, task: Task, seconds: float) -> Left:
    """Count what is left, for at most `seconds` a part. Raises TryAgain."""
    target = task.target
    whole = target.age_alone and all(chosen.way is Way.HEAP for chosen in task.plans)
    query = _ALL if whole else _STALE
    found = [0] * (3 if whole else 1)
    try:
        for part in target.table.parts:
            for number, rows in enumerate(_part(context, task, part, query, seconds)):
                found[number] += rows
    except psycopg.errors.QueryCanceled:
        context.stop.check()
        return aside(context, task)
    if whole:
        return Left(*found)
    return aside(context, task)._replace(stale=found[0])


def aside(context: Context, task: Task) -> Left:
    """The figures that are nice to have, without the stale rows."""
    return Left(None, count.nulls(context, task.target), count.remaining(context, task.target))


def _part(
    context: Context, task: Task, part: Part, query: sql.SQL, seconds: float
) -> Sequence[int]:
    target = task.target
    filled = query.format(
        same=identity.same(target, part),
        stale=stripes.within(context.shard, part.oid, target.predicate),
        by=sql.Identifier(target.by.name),
        part=part.quoted,
    )
    try:
        ((same, *rows),) = context.session.read_composed(filled, statement_seconds=seconds)
    except psycopg.errors.UndefinedTable:
        same, rows = False, []
    if same:
        return rows
    if identity.gone(context, target.table, part) is None:
        changed = identity.changed(context, target.table, part)
        raise changed or identity.error(context, part)
    return []
