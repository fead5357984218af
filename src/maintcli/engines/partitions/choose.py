"""Which partitions are expired as a whole, so that they are dropped instead of swept.

Such a table is partitioned by range on the age column alone, and age alone makes a row stale. Then
a partition whose upper bound lies at or below the cutoff holds only stale rows.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from psycopg import sql

from maintcli.db.catalog import partitions as catalog
from maintcli.db.catalog.partitions import Partition, Scheme
from maintcli.engines.base import count
from maintcli.engines.base.target import Target
from maintcli.engines.partitions.detach import Marked, marked
from maintcli.runtime.context import Context

_ROWS = sql.SQL("SELECT count(*) FROM (SELECT FROM {relation}{limit}) AS few")


class Chosen(NamedTuple):
    """The partitions to detach, oldest first, and how their table is partitioned."""

    scheme: Scheme
    partitions: Sequence[Partition]


def choose(context: Context, target: Target, *, aloud: bool = True) -> Chosen | None:
    """The expired partitions that may be detached; `aloud` logs why others may not."""
    say = context.log.info if aloud else context.log.debug
    scheme = catalog.scheme(context.session, target.table, target.by)
    if scheme is None:
        return None
    every = catalog.partitions(context.session, target.table, target.by, target.bound)
    expired = [partition for partition in every if partition.expired]
    if expired and len(expired) == sum(not partition.is_default for partition in every):
        say(f"{expired[-1]} is expired as a whole and the last one, so it is swept")
        del expired[-1]
    objection = objection_to_any(context) or _objection_to(context, target, scheme)
    if objection is not None:
        if expired:
            say(
                f"{len(expired):,} expired partitions of {target.table} are swept row by row:"
                f" {objection}"
            )
        return None
    return Chosen(scheme, [p for p in expired if _may_go(say, target, p)])


def can_have_some(target: Target) -> bool:
    """Whether partitions of such a table can be expired as a whole."""
    return target.age_alone and target.table.kind == "partitioned table"


def drops(context: Context) -> bool:
    """Whether this run drops partitions: of the parts of --shard only part 0 does."""
    return context.shard is None or context.shard.part == 0


def keeps(context: Context) -> bool:
    """Whether detached partitions stay as tables."""
    values = context.order.values
    return "keep_detached" in values and bool(values["keep_detached"].value)


def whole(context: Context, target: Target, *, aloud: bool = False) -> frozenset[int]:
    """The relations of the partitions that are dropped, by whichever part of a shared run."""
    chosen = choose(context, target, aloud=aloud) if can_have_some(target) else None
    return trees(chosen.partitions if chosen is not None else ())


def trees(partitions: Sequence[Partition]) -> frozenset[int]:
    """The relations of these partitions, with those that they consist of."""
    return frozenset(oid for partition in partitions for oid in partition.tree)


def leftovers(context: Context, targets: Sequence[Target]) -> list[list[sql.Composable]]:
    """For each target what earlier runs detached, or began to, and this run drops.

    They are no parts of the table any more. The first rule of a table drops them, so each is
    listed once, however many rules the table has.
    """
    seen: set[int] = set()
    found: list[list[sql.Composable]] = []
    for target in targets:
        mine = [one for one in _left_over(context, target) if one.oid not in seen]
        seen |= {one.oid for one in mine}
        found.append([one.quoted for one in mine])
    return found


def _left_over(context: Context, target: Target) -> list[Marked]:
    if not can_have_some(target) or objection_to_any(context) is not None:
        return []
    parts = {part.oid for part in target.table.parts}
    return [
        one
        for one in marked(context, target)
        if (one.pending or not one.attached) and one.is_to_be_dropped and one.oid not in parts
    ]


def rows_in(
    context: Context,
    relation: sql.Composable,
    most: int | None = None,
    seconds: float | None = None,
) -> int:
    """Count the rows of a relation that was left over, up to `most`; raises QueryCanceled."""
    limit = sql.SQL(" LIMIT {}").format(most) if most is not None else sql.SQL("")
    return count.exactly(context, _ROWS.format(relation=relation, limit=limit), seconds)


def own(context: Context, target: Target, left_over: Sequence[sql.Composable]) -> int:
    """Count the stale rows that are this run's to delete, with those of `left_over`.

    With --shard those of a part. What is detached and kept is not deleted.
    """
    kept_detached = keeps(context)
    shared = context.shard is not None or kept_detached
    expired = whole(context, target) if shared else frozenset[int]()
    mine = count.own(context, target.without(expired))
    if not drops(context):
        return mine
    mine += sum(rows_in(context, relation) for relation in left_over)
    if expired and not kept_detached:
        mine += count.stale(context, target.within(expired))
    return mine


def remaining(context: Context, target: Target, left_over: Sequence[sql.Composable]) -> int | None:
    """The rows of the table before the run, with those of `left_over`.

    None where that cannot be counted quickly, as in count.py.
    """
    gone = whole(context, target) if keeps(context) else frozenset[int]()
    rows = count.remaining(context, target.without(gone))
    if rows is None or not drops(context):
        return rows
    return rows + sum(rows_in(context, relation) for relation in left_over)


def _is_ours(context: Context, target: Target) -> bool:
    """Whether part 0 is detaching the half-detached partition at the moment."""
    return any(found.pending for found in marked(context, target))


def objection_to_any(context: Context) -> str | None:
    """Why this run has to delete by rows."""
    values = context.order.values
    if "archive" in values and values["archive"].value is not None:
        return "--archive keeps exactly the rows that were deleted"
    if context.order.value("limit") is not None:
        return "--limit counts rows"
    return None


def _objection_to(context: Context, target: Target, scheme: Scheme) -> str | None:
    """Why this table has to be swept by rows."""
    if not scheme.owned:
        return (
            f"only the owner of {target.table} may detach them; let {target.table.role} be a member"
            " of the role that owns it"
        )
    if scheme.stuck is not None and (drops(context) or not _is_ours(context, target)):
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
