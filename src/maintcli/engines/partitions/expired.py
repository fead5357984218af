"""What a sweep has of expired partitions: dropping them, showing them, and counting around them."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from maintcli.db.catalog.partitions import Partition
from maintcli.engines.base import count
from maintcli.engines.base.batch import Done
from maintcli.engines.partitions.choose import (
    can_have_some,
    choose,
    detached,
    drops,
    keeps,
    objection_to_any,
    rows_of,
    within,
)
from maintcli.engines.sweep.task import Task
from maintcli.runtime.context import Context
from maintcli.words import many


class Dropped(NamedTuple):
    """What is left to sweep once partitions are gone, and the stale rows in held ones.

    `before` is all that was this run's to sweep or drop.
    """

    task: Task
    before: Task
    held_rows: int = 0


def drop(
    context: Context, task: Task, note: Callable[[Done], None], go_on: Callable[[], bool]
) -> Dropped:
    """Detach and drop the expired partitions of a task's table; the rest is for the sweep.

    `note` hears of each partition that is gone, `go_on` is asked before each. Of a whole that is
    shared out part 0 does that, and the others leave them alone.
    """
    if not can_have_some(task.target):
        return Dropped(task, task)
    if not drops(context):
        mine = without(task, whole(context, task, aloud=True))
        return Dropped(mine, mine)
    from maintcli.engines.partitions.detach import (
        Detacher,  # only partitioned tables need to know how
    )
    from maintcli.engines.partitions.removal import Removal

    removal = Removal(context, task.target, Detacher(context, task.target, note), go_on)
    if objection_to_any(context) is None:
        removal.finish_earlier()
    chosen = choose(context, task.target)
    if chosen is not None:
        removal.remove(chosen)
    left = without(task, frozenset(removal.gone | removal.held))
    return Dropped(left, task, removal.held_rows)


def show(context: Context, task: Task) -> frozenset[int]:
    """Log which partitions a real run would detach, with rows and bytes; return their relations."""
    if not can_have_some(task.target):
        return frozenset()
    from maintcli.engines.partitions.mark import marked

    chosen = choose(context, task.target)
    found = chosen.partitions if chosen is not None else ()
    if not drops(context):
        if found:
            context.log.info(f"{len(found):,} partitions are expired as a whole: part 0 drops them")
        return _trees(found)
    what = "detached and kept" if keeps(context) else "dropped"
    for partition in found:
        rows = count.table_rows(context, within(task.target, partition))
        context.log.info(
            f"{partition} is expired as a whole: it would be {what}, with {many(rows)} and"
            f" {partition.bytes:,} bytes"
        )
    for left in marked(context, task.target):
        if left.is_to_be_dropped and (left.pending or not left.attached):
            context.log.info(f"{left} was being detached by an earlier run, and would be dropped")
    return _trees(found)


def own(context: Context, task: Task) -> int:
    """Count the stale rows that are this run's to delete: with --shard those of a part.

    What is detached and kept is not deleted.
    """
    kept_detached = keeps(context)
    shared = context.shard is not None or kept_detached
    expired = whole(context, task) if shared else frozenset[int]()
    mine = count.own(context, without(task, expired).target)
    if not drops(context):
        return mine
    mine += _detached_rows(context, task)
    if not expired or kept_detached:
        return mine
    kept = frozenset(part.oid for part in task.target.table.parts) - expired
    return mine + count.stale(context, without(task, kept).target)


def remaining(context: Context, task: Task) -> int | None:
    """The rows of the table before the run, with those of what it has to drop.

    None where that cannot be counted quickly, as in count.py.
    """
    gone = whole(context, task) if keeps(context) else frozenset[int]()
    rows = count.remaining(context, without(task, gone).target)
    if rows is None or not drops(context):
        return rows
    return rows + _detached_rows(context, task)


def _detached_rows(context: Context, task: Task) -> int:
    return sum(count.exactly(context, rows_of(one)) for one in detached(context, task.target))


def whole(context: Context, task: Task, *, aloud: bool = False) -> frozenset[int]:
    """The relations of the partitions that are dropped, by whichever part of the whole."""
    chosen = choose(context, task.target, aloud=aloud) if can_have_some(task.target) else None
    return _trees(chosen.partitions if chosen is not None else ())


def without(task: Task, oids: frozenset[int]) -> Task:
    """`task` without the parts in `oids`, which are gone, or others' to finish with."""
    table = task.target.table
    parts = tuple(part for part in table.parts if part.oid not in oids)
    return task._replace(
        target=task.target._replace(table=table._replace(parts=parts)),
        plans=tuple(plan for plan in task.plans if plan.part.oid not in oids),
    )


def _trees(partitions: Sequence[Partition]) -> frozenset[int]:
    return frozenset(oid for partition in partitions for oid in partition.tree)
