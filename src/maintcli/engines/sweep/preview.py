"""What a sweep would do: the same questions, in READ ONLY transactions."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from math import ceil
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from maintcli.db import sqlstate
from maintcli.db.catalog.protections import triggers
from maintcli.db.catalog.tables import Part
from maintcli.engines.base import count
from maintcli.engines.base.delete import sealed, way
from maintcli.engines.partitions import choose as partitions
from maintcli.engines.partitions import drop
from maintcli.engines.sweep import result
from maintcli.engines.sweep.result import Swept
from maintcli.engines.sweep.task import Task, Way
from maintcli.engines.windows.blocks import SETTINGS
from maintcli.runtime.context import Context
from maintcli.words import many, moment

if TYPE_CHECKING:
    from collections.abc import Container

    from maintcli.engines.foreign_keys.reach import Reach
    from maintcli.engines.foreign_keys.show import Shown

_DELETE_SECONDS_A_ROW = 1e-6  # on top of reading it; measured in docs/performance.md

_WINDOWS = 8
_BLOCKS = 16  # in each
_MOST_SECONDS = 2.0  # for one part

_WINDOW = sql.SQL("ctid >= '({first},0)' AND ctid < '({last},0)'")
_PROBE = sql.SQL("""SELECT count(*),
    (extract(epoch FROM clock_timestamp() - statement_timestamp()))::float8
FROM ONLY {part} WHERE {window} AND {predicate}""")


def preview(context: Context, tasks: Sequence[Task]) -> Swept:
    """Count what is stale, and say by which plan, in how many batches, and how long."""
    below = reached_in_turn(context, tasks)
    several = len(tasks) > 1
    counted: list[tuple[Swept, float]] = []
    left_over = partitions.leftovers(context, [task.target for task in tasks])
    for task, one, left in zip(tasks, below, left_over, strict=True):
        with sqlstate.about(task.target.title):
            counted.append(_preview(context, task, one, left, several=several))
    swept = result.total([swept for swept, _ in counted])
    seconds = sum(seconds for _, seconds in counted)
    context.backlog = swept.deleted_count
    # Known already, should a guard refuse what comes out.
    context.counts |= {**asdict(swept), "expected_seconds": round(seconds, 2)}
    return swept


def reached_in_turn(context: Context, tasks: Sequence[Task]) -> "Sequence[Sequence[Reach]]":
    """What each table reaches; nothing where no foreign key and no other table is to be heeded."""
    if len(tasks) < 2 and all(task.links is None for task in tasks):
        return [()] * len(tasks)
    from maintcli.engines.foreign_keys.show import in_turn

    return in_turn(context, [task.root for task in tasks])


def _preview(
    context: Context,
    task: Task,
    reached: "Sequence[Reach]",
    left_over: Sequence[sql.Composable],
    *,
    several: bool,
) -> tuple[Swept, float]:
    target, order = task.target, context.order
    table = str(target.table)
    began = time.perf_counter()
    stale = partitions.own(context, target, left_over)
    probed = _probed(context, task, partitions.whole(context, target)) if stale else None
    work_seconds = time.perf_counter() - began if probed is None else probed
    nulls = count.nulls(context, target)
    remaining = partitions.remaining(context, target, left_over)
    began = time.perf_counter()
    below = _below(context, reached, stale)
    work_seconds += time.perf_counter() - began + stale * _DELETE_SECONDS_A_ROW
    batches = ceil(work_seconds / order.value("batch_target").approx_seconds) if stale else 0
    seconds = work_seconds * 100 / order.value("share")
    going = stale if below is None else below.own
    old = target.old(with_rule=several)
    about = f"about {batches:,} batch{'' if batches == 1 else 'es'} and {seconds:.1f} s"
    if going is None:
        context.log.warn(
            f"not counted in time: how many rows of {table} would be deleted because of the"
            f" {many(stale)} of {old}"
        )
    else:
        how_long = f", in {about}" if going else ""
        context.log.info(f"would delete {many(going)} of {old}{how_long}")
    whole = drop.show(context, target)
    for chosen in task.plans:
        if chosen.part.oid in whole:
            continue
        context.log.info(f"{chosen.part}: {chosen.way} plan, because {chosen.why}")
    fires = triggers(context.session, [part.oid for part in target.table.parts], "DELETE")
    if fires:
        context.log.info(f"triggers of {target.table} would fire: {', '.join(fires)}")
    if below is not None:
        from maintcli.engines.foreign_keys import show

        show.tell(context, task.target.table, below)
    left = remaining - going if remaining is not None and going is not None else None
    swept = Swept(
        deleted_count=going,
        locked_count=0,
        null_count=nulls,
        remaining_count=left,
        batches=batches,
        cutoff=moment(target.cutoff),
        plan=task.ways,
        tables={table: stale} if below is None else below.tables(table),
        cascaded_count=below.cascaded(table) if below is not None else 0,
        unlinked_count=below.rows("SET NULL", "SET DEFAULT") if below is not None else 0,
        blocked_count=below.blocked if below is not None else 0,
        cascades=[one.as_dict() for one in below.listed] if below is not None else [],
        triggers={table: fires} if fires else {},
        rules=[result.rule(target, going)],
    )
    return swept, seconds


def _below(context: Context, reached: "Sequence[Reach]", stale: int) -> "Shown | None":
    """What goes with the stale rows; None where there is nothing that could."""
    if not reached:
        return None
    from maintcli.engines.foreign_keys import show

    return show.count_below(context, reached, stale)


# A plain count may go another way to the rows than a batch does: a subquery is hashed once there,
# and looked up row by row here.
def _probed(context: Context, task: Task, without: "Container[int]") -> float | None:
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
