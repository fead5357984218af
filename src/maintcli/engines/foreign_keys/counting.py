"""Counting what a DELETE would reach: for a dry run in bounded time, for a guard in full."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import psycopg
from psycopg import sql

from maintcli.db.links import Links, Relation
from maintcli.engines.base import count
from maintcli.engines.base.guard import Counter, Loss
from maintcli.engines.foreign_keys import graph, look
from maintcli.engines.foreign_keys.graph import Cascade
from maintcli.engines.foreign_keys.reach import Reach
from maintcli.engines.task import Task
from maintcli.runtime.context import Context

Query = Callable[[int | None], sql.Composable]

_ROWS = sql.SQL("SELECT count(*) FROM ({all}{limit}) AS few")
_EACH = sql.SQL("SELECT FROM ONLY {}")

_SECONDS = 10.0  # for one figure
_ALL_SECONDS = 60.0  # for all figures of a dry run


def reaches(context: Context, task: Task, *, whole: bool = False) -> list[Reach]:
    """What is reached from each part of the table; with --shard from this run's stripes alone.

    `whole`: from all of them even so, as a guard has to ask.
    """
    target, shard = task.target, None if whole else context.shard
    own = frozenset(part.oid for part in target.table.parts)
    cascades = [graph.below(part.oid, task.links) for part in target.table.parts]
    return [Reach(one, target.predicate, own, shard) for one in cascades if one is not None]


def in_turn(context: Context, tasks: Sequence[Task], *, whole: bool = False) -> list[list[Reach]]:
    """What each of the tables reaches, one after the other: what is gone does not count again.

    Of one table that nothing refers to there is nothing to know but its own rows.
    """
    if len(tasks) == 1:
        return [reaches(context, tasks[0], whole=whole)]
    shard = None if whole else context.shard
    earlier: list[Reach] = []
    found: list[list[Reach]] = []
    for task in tasks:
        oids, predicate = [part.oid for part in task.target.table.parts], task.target.predicate
        if task.links is None and not task.plans:  # only counted, and not deleted
            oids = []
        links = task.links or look.links(context, task.target)
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


def losses(context: Context, tasks: Sequence[Task]) -> list[Loss]:
    """The tables that lose rows beside the stale ones; each row once, whatever it refers to.

    A row that others keep today may go once they are gone, so it counts, with all below it. A part
    of --shard is a share of one deed, and asks for the whole.
    """
    going: defaultdict[str, list[Counter]] = defaultdict(list)
    relations: dict[int, Relation] = {}
    stale = _stale(tasks)
    only = [task._replace(links=_cascading(task.links)) for task in tasks if task.links]
    for reach in (one for some in in_turn(context, only, whole=True) for one in some):
        cascade = reach.cascade
        relations |= cascade.relations
        below: defaultdict[str, list[int]] = defaultdict(list)
        for oid in cascade.members:
            if oid != cascade.part or oid in cascade.cyclic:
                below[cascade.relations[oid].top].append(oid)
        for table, oids in below.items():
            going[table].append(partial(_counted, context, partial(reach.going, oids, stale=stale)))
    return [
        _loss(context, table, counters, [r for r in relations.values() if r.top == table])
        for table, counters in going.items()
    ]


def _cascading(links: Links) -> Links:
    return links._replace(links=tuple(one for one in links.links if one.key.action == "CASCADE"))


def _stale(tasks: Sequence[Task]) -> Mapping[int, sql.Composable]:
    """By relation what makes a row stale, by any of its rules: those rows are counted already."""
    found: defaultdict[int, list[sql.Composable]] = defaultdict(list)
    for task in tasks:
        for part in task.target.table.parts:
            found[part.oid].append(sql.SQL("({}\n)").format(task.target.predicate))
    return {oid: sql.SQL(" OR ").join(rules) for oid, rules in found.items()}


def _loss(
    context: Context, table: str, going: Sequence[Counter], relations: Sequence[Relation]
) -> Loss:
    unknown = [relation for relation in relations if relation.rows < 0]  # not yet analysed
    about = sum(int(relation.rows) for relation in relations if relation not in unknown)
    if unknown:
        about += _counted(context, partial(_rows, unknown))
    rows = partial(_counted, context, partial(_rows, relations))
    return Loss(table, "rows that refer to old rows and would go with them", going, rows, about)


def _counted(
    context: Context,
    query: Query,
    most: int | None = None,
    seconds: float | None = None,
) -> int:
    return count.exactly(context, query(most), seconds)


def _rows(relations: Sequence[Relation], most: int | None) -> sql.Composable:
    limit = sql.SQL(" LIMIT {}").format(most) if most is not None else sql.SQL("")
    every = sql.SQL(" UNION ALL ").join([_EACH.format(one.quoted) for one in relations])
    return _ROWS.format(all=every, limit=limit)
