"""One table to sweep: a plan for each of its parts, and the foreign keys that refer to it."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from maintcli.db.links import Links
from maintcli.db.tables import Part
from maintcli.engines.base.target import Target


class Way(StrEnum):
    """How a part is swept."""

    HEAP = "heap"
    INDEX = "index"


class Plan(NamedTuple):
    """A part with its way, and why it was chosen; `stale_share` is None where nobody looked."""

    part: Part
    way: Way
    why: str
    stale_share: float | None = None


class Task(NamedTuple):
    """A table to sweep, a plan for each of its parts, and the foreign keys that refer to it."""

    target: Target
    plans: tuple[Plan, ...]
    links: Links | None = None

    @property
    def oids(self) -> tuple[int, ...]:
        """The table, and the other one that its predicate looks into."""
        elsewhere = self.target.elsewhere
        return (self.target.table.oid, *([elsewhere.table.oid] if elsewhere else []))

    @property
    def ways(self) -> str:
        """The plans used, in one word or two."""
        return "+".join(sorted({chosen.way.value for chosen in self.plans})) or "none"

    def looks_into(self, relations: set[int]) -> bool:
        """Whether its predicate looks for rows in one of these."""
        elsewhere = self.target.elsewhere
        return elsewhere is not None and any(p.oid in relations for p in elsewhere.table.parts)


def reached(tasks: Iterable[Task]) -> set[int]:
    """The relations, by oid, that lose rows when those tables are swept."""
    found = {part.oid for task in tasks for part in task.target.table.parts}
    links = [link for task in tasks if task.links for link in task.links.links]
    return found | {link.child for link in links if link.key.action == "CASCADE"}
