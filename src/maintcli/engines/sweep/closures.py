"""Which walk goes through a part that foreign keys refer to, or whose rows are archived."""

from typing import TYPE_CHECKING

from psycopg import sql

from maintcli.db.catalog import links as catalog
from maintcli.db.catalog.links import ForeignKey, Links
from maintcli.engines.base import identity, stripes
from maintcli.engines.base.target import Target
from maintcli.engines.foreign_keys import graph
from maintcli.engines.foreign_keys.graph import Cascade, through_roots
from maintcli.engines.foreign_keys.look import facts
from maintcli.engines.foreign_keys.walk import ClosureWalk
from maintcli.engines.sweep.task import Plan, Task, Way
from maintcli.engines.windows.blocks import Blocks
from maintcli.engines.windows.values import Values
from maintcli.runtime.context import Context

if TYPE_CHECKING:
    from maintcli.engines.archive.archive import Archive
    from maintcli.engines.windows.window import Ranges, Windows


def through(
    context: Context, task: Task, chosen: Plan, archive: "Archive | None"
) -> ClosureWalk | None:
    """The walk through the part of `chosen`; None where a simple one will do."""
    part, target = chosen.part, task.target
    alone = archive is not None or target.elsewhere is not None
    planned = graph.below(part.oid, task.links, alone=alone)
    if planned is None:
        return None
    reached, unchanged = _as_planned(context, task, planned, columns=archive is not None)
    windows: Windows
    predicate = target.predicate
    if target.elsewhere is not None:
        from maintcli.engines.foreign_keys.recheck import FirstLook, Seen

        windows = Seen(FirstLook(context, target, part), reached)
        predicate = windows.predicate
    elif chosen.way is Way.HEAP:
        mine = stripes.share(context.shard, part.oid)
        windows = Blocks(part.quoted, target.predicate, part.blocks, mine)
    else:
        windows = Values(part.quoted, target.predicate, target.by, target.bound)
    own = frozenset(part.oid for part in target.table.parts)
    if archive is None:
        cascade = through_roots(reached, own)
        return ClosureWalk(
            cascade, predicate, windows, final=target.final, own=own, unchanged=unchanged
        )
    from maintcli.engines.foreign_keys.archived import ArchivedWalk

    walk = ArchivedWalk(
        reached, predicate, windows, final=target.final, own=own, unchanged=unchanged
    )
    return walk.keep_in(archive, context)


def _as_planned(
    context: Context, task: Task, planned: Cascade, *, columns: bool
) -> tuple[Cascade, sql.Composable]:
    """What is reached now, and what raises in a batch that meets another catalog.

    Partitions that were dropped since the plan are left out. The facts are read first, so that no
    later change is missed. Raises TryAgain where there is more than was planned: no guard
    has counted that.
    """
    known = _ends(task.links)
    while True:
        looked_at = facts(planned, columns=columns)
        before = looked_at.read(context.session)
        links = catalog.find(context.session, [planned.part])
        if links is None or not _ends(links) <= known:
            raise identity.error(context, task.target.table)
        cascade = Cascade(planned.part, links)
        if facts(cascade, columns=columns) == looked_at:
            return cascade, looked_at.check(before)
        planned = cascade


def _ends(links: Links | None) -> set[tuple[ForeignKey, int, int]]:
    return {(link.key, link.parent, link.child) for link in links.links} if links else set()


def alone(
    target: Target, links: Links, oid: int, windows: "Ranges", unchanged: sql.Composable
) -> ClosureWalk:
    """The rest of `windows` by groups of rows of any size; nothing refers to the rows of `oid`."""
    own = frozenset(part.oid for part in target.table.parts)
    return ClosureWalk(
        Cascade(oid, links), windows.predicate, windows, final=False, own=own, unchanged=unchanged
    )
