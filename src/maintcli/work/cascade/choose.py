"""Which walk goes through a part that foreign keys refer to, or whose rows are archived."""

from typing import TYPE_CHECKING

from psycopg import sql

from maintcli.db.links import Links
from maintcli.runtime.context import Context
from maintcli.work.cascade import graph
from maintcli.work.cascade.blocks import Blocks
from maintcli.work.cascade.values import Values
from maintcli.work.cascade.walk import ClosureWalk
from maintcli.work.sweep import stripes
from maintcli.work.sweep.plan import Plan, Way
from maintcli.work.sweep.task import Task
from maintcli.work.target import Target

if TYPE_CHECKING:
    from maintcli.work.archive.archive import Archive
    from maintcli.work.cascade.windows import Windows


def through(
    context: Context, task: Task, chosen: Plan, archive: "Archive | None"
) -> ClosureWalk | None:
    """The walk through the part of `chosen`; None where a simple one will do."""
    part, target = chosen.part, task.target
    alone = archive is not None or target.elsewhere is not None
    cascade = graph.below(part.oid, task.links, alone=alone)
    if cascade is None:
        return None
    windows: Windows
    predicate = target.predicate
    if target.elsewhere is not None:
        from maintcli.work.cascade.first import FirstLook
        from maintcli.work.cascade.seen import Seen

        windows = Seen(FirstLook(context, target, part), cascade)
        predicate = windows.predicate
    elif chosen.way is Way.HEAP:
        mine = stripes.share(context.shard, part.oid)
        windows = Blocks(part.quoted, target.predicate, part.blocks, mine)
    else:
        kind = sql.SQL(target.by.type)  # pyright: ignore[reportArgumentType]  from the catalog
        windows = Values(part.quoted, target.predicate, target.by.name, kind, target.bound)
    own = frozenset(part.oid for part in target.table.parts)
    if archive is None:
        return ClosureWalk(cascade, predicate, windows, final=target.final, own=own)
    from maintcli.work.cascade.archived import ArchivedWalk

    walk = ArchivedWalk(cascade, predicate, windows, final=target.final, own=own)
    return walk.keep_in(archive, context)


def alone(
    target: Target, links: Links, part: int, windows: "Windows", predicate: sql.Composable
) -> ClosureWalk:
    """A walk over rows to which nothing refers, which takes them by groups of any size."""
    cascade = graph.Cascade(part, links)
    own = frozenset(part.oid for part in target.table.parts)
    return ClosureWalk(cascade, predicate, windows, final=False, own=own)
