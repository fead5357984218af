"""Which walk goes through a part: by its plan, and by whether foreign keys refer to it."""

from typing import TYPE_CHECKING

from psycopg import sql

from maintcli.runtime.context import Context
from maintcli.work.sweep import stripes
from maintcli.work.sweep.heap import HeapWalk
from maintcli.work.sweep.index import IndexWalk
from maintcli.work.sweep.plan import Plan, Way
from maintcli.work.sweep.task import Task

if TYPE_CHECKING:
    from maintcli.work.archive.archive import Archive
    from maintcli.work.cascade.walk import ClosureWalk
    from maintcli.work.sweep.window import Window

    Walk = HeapWalk | IndexWalk | ClosureWalk
    Again = Window | ClosureWalk


def choose(context: Context, task: Task, chosen: Plan, archive: "Archive | None") -> "Walk":
    """The walk through the part of `chosen`, with `archive` where what goes is to be kept."""
    part, target = chosen.part, task.target
    if task.links is not None:
        from maintcli.work.cascade import choose as closures  # most tables are not referred to

        if (found := closures.through(context, task, chosen, archive)) is not None:
            return found
    if chosen.way is Way.HEAP:
        mine = stripes.share(context.shard, part.oid)
        return HeapWalk(part.quoted, target.predicate, part.blocks, mine)
    kind = sql.SQL(target.by.type)  # pyright: ignore[reportArgumentType]  from the catalog
    return IndexWalk(part.quoted, target.predicate, target.by.name, kind, target.bound)
