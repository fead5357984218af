"""How many rows of each table a run would remove: counted alike for a plan and for now."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from maintcli.db import sqlstate
from maintcli.engines.partitions import expired as partitions
from maintcli.engines.sweep.preview import reached_in_turn
from maintcli.engines.sweep.result import Swept
from maintcli.engines.sweep.task import Task
from maintcli.runtime.context import Context


class Expected(NamedTuple):
    """Rows by table, those that go along foreign keys among them.

    `complete` is False where a figure took too long to count and is left out.
    """

    tables: Mapping[str, int]
    complete: bool = True


def shown(swept: Swept) -> Expected:
    """What a dry run counted."""
    known = all(one["rows"] is not None for one in swept.cascades)
    return Expected(swept.tables, known and swept.deleted_count is not None)


def now(context: Context, tasks: Sequence[Task]) -> Expected:
    """What a dry run would count at this moment."""
    tables, complete = Counter[str](), True
    for task, reached in zip(tasks, reached_in_turn(context, tasks), strict=True):
        with sqlstate.about(task.target.title):
            stale = partitions.own(context, task)
            table = str(task.target.table)
            mine = {table: stale}
            if reached:
                from maintcli.engines.foreign_keys import show

                below = show.look(context, reached, stale)
                complete &= below.own is not None and all(
                    one.rows is not None for one in below.listed
                )
                mine = below.tables(table)
        tables.update(mine)
    return Expected(tables, complete)
