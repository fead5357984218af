"""The tables of a sweep, looked at, planned, and put in order."""

from collections.abc import Sequence

from maintcli.db import sqlstate
from maintcli.engines.base import protections
from maintcli.engines.base.stale import Stale
from maintcli.engines.base.target import Target, find
from maintcli.engines.sweep import plan
from maintcli.engines.task import Task, reached
from maintcli.runtime.context import Context


def children_first(tasks: Sequence[Task]) -> list[Task]:
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
