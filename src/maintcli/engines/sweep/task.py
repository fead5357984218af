"""One table of a sweep, looked at, and which way to go through it: blocks of the heap, or an index.

Measured in docs/performance.md: block ranges win when more than a few percent of the rows are
stale, and they need no index; below that an index reaches the few rows sooner.
"""

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from psycopg import sql

from maintcli.db import sqlstate
from maintcli.db.catalog.tables import Part
from maintcli.engines.base import protections
from maintcli.engines.base.stale import Stale
from maintcli.engines.base.target import Root, Target, find
from maintcli.errors import ConfigError
from maintcli.runtime.context import Context
from maintcli.runtime.shard import Shard

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from maintcli.db.catalog.links import Links


INDEX_BELOW = 0.03  # share of stale rows
_SMALL_BLOCKS = 256  # 2 MB: read through in one batch, whatever the plan
_SAMPLE_BLOCKS = 128


class Way(StrEnum):
    """How a part is swept."""

    HEAP = "heap"
    INDEX = "index"


class Plan(NamedTuple):
    """A part with its way, and why it was chosen."""

    part: Part
    way: Way
    why: str


def choose_plan(context: Context, target: Target, part: Part) -> Plan:
    """Choose by what a sample of blocks holds: statistics may be stale or absent."""
    column = target.by.name
    if target.elsewhere is not None:
        return Plan(part, Way.HEAP, f"the parents of its rows are in {target.elsewhere.table}")
    if context.shard is not None:
        return _shared(part, context.shard)
    if not part.is_heap:
        if column in part.indexed:
            return Plan(part, Way.INDEX, "its rows are not stored in a heap")
        reason = (
            f"{part} is not stored in a heap and has no index on {column}; create one to sweep it."
        )
        raise ConfigError(reason)
    if column not in part.indexed:
        return Plan(part, Way.HEAP, f"no index on {column} serves")
    if part.blocks <= _SMALL_BLOCKS:
        return Plan(part, Way.HEAP, "it is small")
    share = _sample(context, target, part)
    way = Way.INDEX if share < INDEX_BELOW else Way.HEAP
    return Plan(part, way, f"about {share:.1%} of its rows are stale")


def _shared(part: Part, shard: Shard) -> Plan:
    if not part.is_heap:
        reason = f"{part} is not stored in a heap, so --shard cannot divide it; leave that out."
        raise ConfigError(reason)
    return Plan(part, Way.HEAP, f"{shard.parts} processes share its blocks")


def _sample(context: Context, target: Target, part: Part) -> float:
    percent = min(100.0, 100.0 * _SAMPLE_BLOCKS / part.blocks)
    query = sql.SQL(
        "SELECT count(*) FILTER (WHERE {predicate}), count(*)"
        " FROM ONLY {part} TABLESAMPLE SYSTEM ({percent}) REPEATABLE (1)"
    ).format(predicate=target.predicate, part=part.quoted, percent=percent)
    ((stale, all_rows),) = context.session.read_composed(query)
    return stale / all_rows if all_rows else 0.0


class Task(NamedTuple):
    """A table to sweep, a plan for each of its parts, and the foreign keys that refer to it."""

    target: Target
    plans: tuple[Plan, ...]
    links: "Links | None" = None

    @property
    def oids(self) -> tuple[int, ...]:
        """The table, and the other one that its predicate looks into."""
        elsewhere = self.target.elsewhere
        return (self.target.table.oid, *([elsewhere.table.oid] if elsewhere else []))

    def without(self, oids: "Collection[int]") -> "Task":
        """The same without the parts in `oids`, which are gone, or others' to finish with."""
        plans = tuple(plan for plan in self.plans if plan.part.oid not in oids)
        return self._replace(target=self.target.without(oids), plans=plans)

    @property
    def root(self) -> Root:
        """Its stale rows, and what refers to them."""
        return Root(self.target, self.links)

    @property
    def ways(self) -> str:
        """The plans used, in one word or two."""
        return "+".join(sorted({chosen.way.value for chosen in self.plans})) or "none"

    def looks_into(self, relations: "set[int]") -> bool:
        """Whether its predicate looks for rows in one of these."""
        elsewhere = self.target.elsewhere
        return elsewhere is not None and any(p.oid in relations for p in elsewhere.table.parts)


def reached(tasks: "Iterable[Task]") -> set[int]:
    """The relations, by oid, that lose rows when those tables are swept."""
    found = {part.oid for task in tasks for part in task.target.table.parts}
    links = [link for task in tasks if task.links for link in task.links.links]
    return found | {link.child for link in links if link.key.action == "CASCADE"}


def children_first(tasks: "Sequence[Task]") -> "list[Task]":
    """Each table behind those that refer to it, or look into it, in a circle as they were given.

    So no row loses its reference, or holds one back, that is about to go itself; and none is an
    orphan by this run.
    """
    ordered: list[Task] = []
    seen: set[int] = set()

    def visit(number: int) -> None:
        if number in seen:
            return
        seen.add(number)
        links = tasks[number].links
        children = {link.child for link in links.links} if links else set[int]()
        for other, task in enumerate(tasks):
            parts = (part.oid for part in task.target.table.parts)
            if not children.isdisjoint(parts) or task.looks_into(reached([tasks[number]])):
                visit(other)
        ordered.append(tasks[number])

    for number in range(len(tasks)):
        visit(number)
    return ordered


def prepare(context: Context, stale: Stale) -> Task | None:
    """Find the table and choose how to sweep it; None where an optional one is not there."""
    target = find(context, stale)
    if target is None:
        return None
    return planned(context, target)


def planned(context: Context, target: Target) -> Task:
    """Choose a plan for each part, and look up what refers to the table."""
    with sqlstate.about(target.title):
        plans = tuple(choose_plan(context, target, part) for part in target.table.parts)
    archived = context.order.value("archive") is not None
    found = None
    referenced = any(part.referenced for part in target.table.parts)
    if archived or referenced or target.elsewhere is not None:
        from maintcli.engines.foreign_keys import look  # most sweeps meet no foreign key

        found = look.links(context, target)
    protections.check(context, [target.table], found)
    return Task(target, plans, found)
