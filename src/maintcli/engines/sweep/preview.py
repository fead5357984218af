"""What a sweep would do: the same questions, in READ ONLY transactions."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from math import ceil
from typing import TYPE_CHECKING

from maintcli.db import sqlstate
from maintcli.db.protections import triggers
from maintcli.engines.base import count, naming
from maintcli.engines.base.words import many, moment
from maintcli.engines.partitions import expired as partitions
from maintcli.engines.sweep import probe, result
from maintcli.engines.sweep.result import Swept
from maintcli.engines.sweep.task import Task
from maintcli.runtime.context import Context

if TYPE_CHECKING:
    from maintcli.engines.foreign_keys.reach import Reach
    from maintcli.engines.foreign_keys.show import Shown

_DELETE_SECONDS_A_ROW = 1e-6  # on top of reading it; measured in docs/performance.md


def preview(context: Context, tasks: Sequence[Task]) -> Swept:
    """Count what is stale, and say by which plan, in how many batches, and how long."""
    below = reached_in_turn(context, tasks)
    several = len(tasks) > 1
    counted: list[tuple[Swept, float]] = []
    for task, one in zip(tasks, below, strict=True):
        with sqlstate.about(task.target.title):
            counted.append(_preview(context, task, one, several=several))
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
    from maintcli.engines.foreign_keys.counting import in_turn

    return in_turn(context, [task.root for task in tasks])


def _preview(
    context: Context, task: Task, reached: "Sequence[Reach]", *, several: bool
) -> tuple[Swept, float]:
    target, order = task.target, context.order
    table = str(target.table)
    began = time.perf_counter()
    stale = partitions.own(context, task)
    probed = probe.seconds(context, task, partitions.whole(context, task)) if stale else None
    work_seconds = time.perf_counter() - began if probed is None else probed
    nulls, remaining = count.nulls(context, target), partitions.remaining(context, task)
    began = time.perf_counter()
    below = _below(context, reached, stale)
    work_seconds += time.perf_counter() - began + stale * _DELETE_SECONDS_A_ROW
    batches = ceil(work_seconds / order.value("batch_target").approx_seconds) if stale else 0
    seconds = work_seconds * 100 / order.value("share")
    going = stale if below is None else below.own
    old = naming.old(target, with_rule=several)
    about = f"about {batches:,} batch{'' if batches == 1 else 'es'} and {seconds:.1f} s"
    if going is None:
        context.log.warn(
            f"not counted in time: how many rows of {table} would be deleted because of the"
            f" {many(stale)} of {old}"
        )
    else:
        how_long = f", in {about}" if going else ""
        context.log.info(f"would delete {many(going)} of {old}{how_long}")
    whole = partitions.show(context, task)
    for chosen in task.plans:
        if chosen.part.oid in whole:
            continue
        context.log.info(f"{chosen.part}: {chosen.way} plan, because {chosen.why}")
    fires = triggers(context.session, [part.oid for part in target.table.parts], "DELETE")
    if fires:
        context.log.info(f"triggers of {target.table} would fire: {', '.join(fires)}")
    if below is not None:
        from maintcli.engines.foreign_keys import show

        show.tell(context, task, below)
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

    return show.look(context, reached, stale)
