"""What a sweep takes of each table: counted for a plan, and looked up for the guards."""

from collections.abc import Sequence
from functools import partial

from maintcli.engines.base import guard
from maintcli.engines.base.guard import Expected, Loss
from maintcli.engines.partitions import choose as partitions
from maintcli.engines.sweep.result import Swept
from maintcli.engines.sweep.task import Task
from maintcli.runtime.context import Context


def shown(swept: Swept) -> Expected:
    """What a dry run counted."""
    known = all(one["rows"] is not None for one in swept.cascades)
    return Expected(swept.tables, known and swept.deleted_count is not None)


def now(context: Context, tasks: Sequence[Task]) -> Expected:
    """What a dry run would count at this moment."""
    from maintcli.engines.foreign_keys import guard as below

    targets = [task.target for task in tasks]
    left_over = partitions.leftovers(context, targets)
    own = [
        partial(partitions.own, context, target, some)
        for target, some in zip(targets, left_over, strict=True)
    ]
    return below.expected(context, [task.root for task in tasks], own)


def losses(context: Context, tasks: Sequence[Task]) -> list[Loss]:
    """What a sweep deletes, with what goes along foreign keys: each row once."""
    targets = [task.target for task in tasks]
    left_over = partitions.leftovers(context, targets)
    more: list[Loss] = []
    for target, some in zip(targets, left_over, strict=True):
        going = [partial(partitions.rows_in, context, relation) for relation in some]
        more += [Loss(str(target.table), "", going, None, 0)] if going else []
    if any(task.links is not None for task in tasks):
        from maintcli.engines.foreign_keys import guard as below

        more += below.losses(context, [task.root for task in tasks])
    return guard.together(guard.losses(context, targets), more)
