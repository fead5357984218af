"""How long a sweep will take, from a probe of what its batches look up rows by.

A plain count may go another way to the rows than a batch does: a subquery is hashed once there, and
looked up row by row here.
"""

import time
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from maintcli.db.tables import Part
from maintcli.engines.base.delete import sealed, way
from maintcli.engines.sweep.heap import SETTINGS
from maintcli.engines.sweep.plan import Way
from maintcli.engines.sweep.task import Task
from maintcli.runtime.context import Context

if TYPE_CHECKING:
    from collections.abc import Container

_WINDOWS = 8
_BLOCKS = 16  # in each
_MOST_SECONDS = 2.0  # for one part

_WINDOW = sql.SQL("ctid >= '({first},0)' AND ctid < '({last},0)'")
_PROBE = sql.SQL("""SELECT count(*),
    (extract(epoch FROM clock_timestamp() - statement_timestamp()))::float8
FROM ONLY {part} WHERE {window} AND {predicate}""")


def seconds(context: Context, task: Task, without: "Container[int]") -> float | None:
    """The time for the lookups of a task in all its parts but those; None where none is probed."""
    parts = [one.part for one in task.plans if one.way is Way.HEAP and one.part.blocks]
    found = [_of(context, task, part) for part in parts if part.oid not in without]
    shards = context.shard.parts if context.shard else 1
    return sum(found) / shards if found and len(parts) == len(task.plans) else None


def _of(context: Context, task: Task, part: Part) -> float:
    """From some windows, evenly spread, to all blocks of the part."""
    took, blocks, until = 0.0, 0, time.monotonic() + _MOST_SECONDS
    step = max(_BLOCKS, part.blocks // _WINDOWS)
    for first in range(0, part.blocks, step):
        last = min(first + _BLOCKS, part.blocks)
        left = until - time.monotonic()
        if left <= 0:
            break
        took += _window(context, task, part, (first, last), left)
        blocks += last - first
    return took * part.blocks / blocks


def _window(
    context: Context, task: Task, part: Part, window: tuple[int, int], most: float
) -> float:
    predicate = task.target.predicate
    bounds = _WINDOW.format(first=window[0], last=window[1])
    query = _PROBE.format(
        part=part.quoted, window=way(part.quoted, bounds, predicate), predicate=sealed(predicate)
    )
    try:
        ((_, took),) = context.session.read_composed(
            query, settings=SETTINGS, statement_seconds=most
        )
    except psycopg.errors.QueryCanceled:
        context.stop.check()
        return most
    except psycopg.errors.UndefinedTable:  # a partition may be dropped at any moment
        return 0.0
    return float(took)
