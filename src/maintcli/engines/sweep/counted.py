"""What a sweep takes of each table: counted for a plan, and looked up for the guards."""

from collections.abc import Sequence
from functools import partial

from psycopg import sql

from maintcli.engines.base import count, guard
from maintcli.engines.base.guard import Counter, Expected, Loss
from maintcli.engines.partitions import expired as partitions
from maintcli.engines.partitions.choose import detached, rows_of
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

    own = [partial(partitions.own, context, task) for task in tasks]
    return below.expected(context, [task.root for task in tasks], own)


def losses(context: Context, tasks: Sequence[Task]) -> list[Loss]:
    """What a sweep deletes, with what goes along foreign keys: each row once."""
    targets = [task.target for task in tasks]
    more: list[Loss] = []
    counted: set[str] = set()  # detached partitions, which each rule of their table finds
    for target in targets:
        some = {one.as_string(): one for one in detached(context, target)}
        if going := [_rows_of(context, some[name]) for name in some.keys() - counted]:
            more.append(Loss(str(target.table), "", going, None, 0))
        counted |= some.keys()
    if any(task.links is not None for task in tasks):
        from maintcli.engines.foreign_keys import guard as below

        more += below.losses(context, [task.root for task in tasks])
    return guard.together(guard.losses(context, targets), more)


def _rows_of(context: Context, relation: sql.Composable) -> Counter:
    def rows(most: int | None, seconds: float | None = None) -> int:
        return count.exactly(context, rows_of(relation, most), seconds)

    return rows
