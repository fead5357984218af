"""One table of a sweep, looked at and planned."""

from typing import NamedTuple

from maintcli.runtime.context import Context
from maintcli.work import plan
from maintcli.work.plan import Plan
from maintcli.work.stale import Stale
from maintcli.work.target import Target, find


class Task(NamedTuple):
    """A table to sweep, with a plan for each of its parts."""

    target: Target
    plans: tuple[Plan, ...]

    @property
    def ways(self) -> str:
        """The plans used, in one word or two."""
        return "+".join(sorted({chosen.way.value for chosen in self.plans})) or "none"


def prepare(context: Context, stale: Stale) -> Task | None:
    """Find the table and choose how to sweep it; None where an optional one is not there."""
    target = find(context, stale)
    if target is None:
        return None
    return Task(target, tuple(plan.choose(context, target, part) for part in target.table.parts))
