"""Counting rows, bounded in rows and time: on large tables counting takes long."""

from collections.abc import Sequence

import psycopg
from psycopg import sql

from maintcli.db.catalog.tables import Part
from maintcli.engines.base import stripes
from maintcli.engines.base.target import Target
from maintcli.runtime.context import Context

REMAINING_MOST = 1_000_000
_ASIDE_SECONDS = 1.0  # for figures that are only informative
_EXACT_BELOW = 100_000

# After many deletes an index-only scan fetches every row from the heap anyway, in random order.
_NO_INDEX_ONLY = sql.SQL("SET LOCAL enable_indexonlyscan = off")


def stale(context: Context, target: Target, *, most: int | None = None) -> int:
    """Count stale rows, at most `most`."""
    return sum(_count(context, part, target.predicate, most=most) for part in target.table.parts)


def own(context: Context, target: Target, *, most: int | None = None) -> int:
    """Count the stale rows that are this run's to delete, with --shard a part; at most `most`."""
    return sum(
        _count(context, part, stripes.within(context.shard, part.oid, target.predicate), most=most)
        for part in target.table.parts
    )


def few(
    context: Context,
    target: Target,
    condition: sql.Composable,
    most: int | None,
    seconds: float | None = None,
) -> int:
    """Count rows of the table, up to `most`, in so many seconds for each part of it.

    Raises QueryCanceled.
    """
    found = 0
    for part in target.table.parts:
        left = None if most is None else most - found
        if left != 0:
            found += _count(context, part, condition, left, seconds)
    return found


def any_row(context: Context, target: Target, condition: sql.Composable) -> bool:
    """Whether the condition holds of any row of the table."""
    return any(_count(context, part, condition, most=1) for part in target.table.parts)


def some_gone(context: Context, oids: Sequence[int]) -> bool:
    """Whether one of these relations was dropped, as partitions may be at any moment."""
    query = "SELECT count(*) FROM pg_catalog.pg_class WHERE oid = ANY (%s)"
    ((there,),) = context.session.read(query, [list(oids)])
    return int(there) < len(oids)


def table_rows(context: Context, target: Target) -> int:
    """The rows of the table: exact for small ones, the planner's figure for others."""
    return sum(_part_rows(context, part) for part in target.table.parts)


def remaining(context: Context, target: Target) -> int | None:
    """The rows left in the table, None where that cannot be counted quickly."""
    return aside(context, target, sql.SQL("true"), most=REMAINING_MOST)


def nulls(context: Context, target: Target) -> int | None:
    """The rows whose age column is NULL, which every sweep keeps."""
    if not target.by.nullable:
        return 0
    return aside(context, target, sql.SQL("{} IS NULL").format(sql.Identifier(target.by.name)))


def _part_rows(context: Context, part: Part) -> int:
    if part.rows > _EXACT_BELOW:
        return int(part.rows)
    return _count(context, part, sql.SQL("true"))


def exactly(context: Context, query: sql.Composable, seconds: float | None = None) -> int:
    """The figure that a query counts; raises QueryCanceled after `seconds`."""
    ((found,),) = context.session.read_composed(query, statement_seconds=seconds)
    return int(found)


def aside(
    context: Context,
    target: Target,
    condition: sql.Composable,
    most: int | None = None,
    seconds: float = _ASIDE_SECONDS,
) -> int | None:
    """Count for information; None from `most` up, or when a part takes over `seconds`."""
    try:
        found = sum(_count(context, part, condition, most, seconds) for part in target.table.parts)
    except psycopg.errors.QueryCanceled:
        context.stop.check()
        return None
    return None if most is not None and found >= most else found


def _count(
    context: Context,
    part: Part,
    condition: sql.Composable,
    most: int | None = None,
    seconds: float | None = None,
) -> int:
    limit = sql.SQL(" LIMIT {}").format(most) if most is not None else sql.SQL("")
    query = sql.SQL(
        "SELECT count(*) FROM (SELECT FROM ONLY {part} WHERE {condition}{limit}) AS few"
    ).format(part=part.quoted, condition=condition, limit=limit)
    try:
        ((found,),) = context.session.read_composed(
            query, statement_seconds=seconds, settings=_NO_INDEX_ONLY
        )
    except psycopg.errors.UndefinedTable:
        if not some_gone(context, [part.oid]):
            raise
        return 0
    return int(found)
