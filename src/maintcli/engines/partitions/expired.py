"""Which partitions need no sweep: every row of theirs is stale, so they can go as a whole.

The table is partitioned by range on the age column alone, and age alone makes a row stale. Then a
partition whose upper bound lies at or below the cutoff can hold no other row.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from psycopg import sql

from maintcli.db import partitions as catalog
from maintcli.db.partitions import Partition, Scheme
from maintcli.engines.base import count
from maintcli.engines.base.batch import Done
from maintcli.engines.base.target import Target
from maintcli.engines.base.words import many
from maintcli.engines.sweep.task import Task
from maintcli.runtime.context import Context

_ROWS = sql.SQL("SELECT count(*) FROM (SELECT FROM {relation}{limit}) AS few")


class Chosen(NamedTuple):
    """The partitions to detach, oldest first, and how their table is partitioned."""

    scheme: Scheme
    partitions: Sequence[Partition]


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
    if not _can_have_some(task.target):
        return Dropped(task, task)
    if not _drops(context):
        mine = without(task, whole(context, task, aloud=True))
        return Dropped(mine, mine)
    from maintcli.engines.partitions.detach import (
        Detacher,  # only partitioned tables need to know how
    )
    from maintcli.engines.partitions.removal import Removal

    removal = Removal(context, task.target, Detacher(context, task.target, note), go_on)
    if _objection(context) is None:
        removal.finish_earlier()
    chosen = choose(context, task.target)
    if chosen is not None:
        removal.remove(chosen)
    left = without(task, frozenset(removal.gone | removal.held))
    return Dropped(left, task, removal.held_rows)


def show(context: Context, task: Task) -> frozenset[int]:
    """Log which partitions a real run would detach, with rows and bytes; return their relations."""
    if not _can_have_some(task.target):
        return frozenset()
    from maintcli.engines.partitions.mark import marked

    chosen = choose(context, task.target)
    found = chosen.partitions if chosen is not None else ()
    if not _drops(context):
        if found:
            context.log.info(f"{len(found):,} partitions are expired as a whole: part 0 drops them")
        return _trees(found)
    what = "detached and kept" if _keeps(context) else "dropped"
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
    kept_detached = _keeps(context)
    shared = context.shard is not None or kept_detached
    expired = whole(context, task) if shared else frozenset[int]()
    mine = count.own(context, without(task, expired).target)
    if not _drops(context):
        return mine
    mine += _detached_rows(context, task)
    if not expired or kept_detached:
        return mine
    kept = frozenset(part.oid for part in task.target.table.parts) - expired
    return mine + count.stale(context, without(task, kept).target)


def detached(context: Context, target: Target) -> Sequence[sql.Composable]:
    """What earlier runs detached, or began to, and did not drop: their successor does.

    It is no part of the table any more.
    """
    if not _can_have_some(target) or _objection(context) is not None:
        return ()
    from maintcli.engines.partitions.mark import marked

    parts = {part.oid for part in target.table.parts}
    found = [one for one in marked(context, target) if one.pending or not one.attached]
    return [one.quoted for one in found if one.is_to_be_dropped and one.oid not in parts]


def rows_of(relation: sql.Composable, most: int | None = None) -> sql.Composable:
    """Count the rows of such a relation, up to `most`."""
    limit = sql.SQL(" LIMIT {}").format(most) if most is not None else sql.SQL("")
    return _ROWS.format(relation=relation, limit=limit)


def remaining(context: Context, task: Task) -> int | None:
    """The rows of the table before the run, with those of what it has to drop.

    None where that cannot be counted quickly, as in count.py.
    """
    gone = whole(context, task) if _keeps(context) else frozenset[int]()
    rows = count.remaining(context, without(task, gone).target)
    if rows is None or not _drops(context):
        return rows
    return rows + _detached_rows(context, task)


def _detached_rows(context: Context, task: Task) -> int:
    return sum(count.exactly(context, rows_of(one)) for one in detached(context, task.target))


def whole(context: Context, task: Task, *, aloud: bool = False) -> frozenset[int]:
    """The relations of the partitions that are dropped, by whichever part of the whole."""
    chosen = choose(context, task.target, aloud=aloud) if _can_have_some(task.target) else None
    return _trees(chosen.partitions if chosen is not None else ())


def choose(context: Context, target: Target, *, aloud: bool = True) -> Chosen | None:
    """The expired partitions that may be detached; why others may not is logged, if `aloud`."""
    say = context.log.info if aloud else context.log.debug
    scheme = catalog.scheme(context.session, target.table, target.by)
    if scheme is None:
        return None
    every = catalog.partitions(context.session, target.table, target.by, target.bound)
    expired = [partition for partition in every if partition.expired]
    if expired and len(expired) == sum(not partition.is_default for partition in every):
        say(f"{expired[-1]} is expired as a whole and the last one, so it is swept")
        del expired[-1]
    objection = _objection(context) or _objection_to(context, target, scheme)
    if objection is not None:
        if expired:
            say(
                f"{len(expired):,} expired partitions of {target.table} are swept row by row:"
                f" {objection}"
            )
        return None
    return Chosen(scheme, [p for p in expired if _may_go(say, target, p)])


def within(target: Target, partition: Partition) -> Target:
    """`target` with only those of its parts that are in `partition`."""
    parts = tuple(part for part in target.table.parts if part.oid in partition.tree)
    return target._replace(table=target.table._replace(parts=parts))


def without(task: Task, oids: frozenset[int]) -> Task:
    """`task` without the parts in `oids`, which are gone, or others' to finish with."""
    table = task.target.table
    parts = tuple(part for part in table.parts if part.oid not in oids)
    return task._replace(
        target=task.target._replace(table=table._replace(parts=parts)),
        plans=tuple(plan for plan in task.plans if plan.part.oid not in oids),
    )


def _is_ours(context: Context, target: Target) -> bool:
    """Whether part 0 is just detaching what is half detached."""
    from maintcli.engines.partitions.mark import marked

    return any(found.pending for found in marked(context, target))


def _keeps(context: Context) -> bool:
    values = context.order.values
    return "keep_detached" in values and bool(values["keep_detached"].value)


def _drops(context: Context) -> bool:
    return context.shard is None or context.shard.part == 0


def _trees(partitions: Sequence[Partition]) -> frozenset[int]:
    return frozenset(oid for partition in partitions for oid in partition.tree)


def _can_have_some(target: Target) -> bool:
    return target.age_alone and target.table.kind == "partitioned table"


def _objection(context: Context) -> str | None:
    """Why this run has to go by rows."""
    values = context.order.values
    if "archive" in values and values["archive"].value is not None:
        return "--archive keeps exactly the rows that were deleted"
    if context.order.value("limit") is not None:
        return "--limit counts rows"
    return None


def _objection_to(context: Context, target: Target, scheme: Scheme) -> str | None:
    """Why this table has to go by rows."""
    if not scheme.owned:
        return (
            f"only the owner of {target.table} may detach them; let {target.table.role} be a member"
            " of the role that owns it"
        )
    if scheme.stuck is not None and (_drops(context) or not _is_ours(context, target)):
        table = target.table.quoted.as_string()
        return (
            f"the detaching of {scheme.stuck} has begun and not ended; to end it:"
            f" ALTER TABLE {table} DETACH PARTITION {scheme.stuck} FINALIZE"
        )
    return None


def _may_go(say: Callable[[str], None], target: Target, partition: Partition) -> bool:
    reasons = {
        "foreign keys refer to it": partition.referenced,
        "a view, a function or another table needs it": partition.needed,
        "triggers or rules act on rows that are deleted": partition.triggered,
        "a publication sends the rows that are deleted": partition.published,
        f"{target.table.role} does not own it": not partition.owned,
    }
    why = next((reason for reason, holds in reasons.items() if holds), None)
    if why is not None:
        say(f"{partition} is expired as a whole, but swept row by row: {why}")
    return why is None
