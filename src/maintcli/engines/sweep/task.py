"""One table of a sweep, looked at and planned."""

from typing import TYPE_CHECKING, NamedTuple

from maintcli.db import sqlstate
from maintcli.engines.base import protections
from maintcli.engines.base.stale import Stale
from maintcli.engines.base.target import Root, Target, find
from maintcli.engines.sweep import plan
from maintcli.engines.sweep.plan import Plan
from maintcli.runtime.context import Context

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from maintcli.db.catalog.links import Links


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
        plans = tuple(plan.choose(context, target, part) for part in target.table.parts)
    archived = context.order.value("archive") is not None
    found = None
    referenced = any(part.referenced for part in target.table.parts)
    if archived or referenced or target.elsewhere is not None:
        from maintcli.engines.foreign_keys import look  # most sweeps meet no foreign key

        found = look.links(context, target)
    protections.check(context, [target.table], found)
    return Task(target, plans, found)
