"""Counting what a DELETE would reach, bounded in rows and time."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from maintcli.engines.base.target import Root
from maintcli.engines.foreign_keys import graph, look
from maintcli.engines.foreign_keys.graph import Cascade
from maintcli.engines.foreign_keys.reach import Reach
from maintcli.runtime.context import Context

_SECONDS = 10.0  # for one figure
_ALL_SECONDS = 60.0  # for all figures of a dry run


def reaches(context: Context, root: Root, *, whole: bool = False) -> list[Reach]:
    """What is reached from each part of the table; with --shard from this run's stripes alone.

    `whole`: from all of them even so, as a guard has to ask.
    """
    target, shard = root.target, None if whole else context.shard
    own = frozenset(part.oid for part in target.table.parts)
    cascades = [graph.below(part.oid, root.links) for part in target.table.parts]
    return [Reach(one, target.predicate, own, shard) for one in cascades if one is not None]


def in_turn(context: Context, roots: Sequence[Root], *, whole: bool = False) -> list[list[Reach]]:
    """What each of the tables reaches, one after the other: what is gone does not count again.

    Of one table that nothing refers to there is nothing to know but its own rows.
    """
    if len(roots) == 1:
        return [reaches(context, roots[0], whole=whole)]
    shard = None if whole else context.shard
    earlier: list[Reach] = []
    found: list[list[Reach]] = []
    for target, known in roots:
        oids, predicate = [part.oid for part in target.table.parts], target.predicate
        links = known or look.links(context, target)
        found.append(
            [
                Reach(Cascade(oid, links), predicate, frozenset(oids), shard, earlier, number)
                for number, oid in enumerate(oids, len(earlier))
            ]
        )
        earlier = [*earlier, *found[-1]]
    return found


@dataclass
class Patiently:
    """Counts as long as there is time; from then on every figure is None."""

    context: Context
    until: float = field(default_factory=lambda: time.monotonic() + _ALL_SECONDS)

    def __call__(self, query: Callable[[], sql.Composable]) -> int | None:
        """The figure, or None where it takes too long."""
        seconds = min(_SECONDS, self.until - time.monotonic())
        if seconds <= 0:
            return None
        try:
            ((found,),) = self.context.session.read_composed(query(), statement_seconds=seconds)
        except psycopg.errors.QueryCanceled:
            self.context.stop.check()
            return None
        return int(found)
