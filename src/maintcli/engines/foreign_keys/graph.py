"""The relations that a DELETE from one part reaches, parents before children."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from maintcli.db.catalog.links import Link, Links

CUTS = ("SET NULL", "SET DEFAULT")


class Cascade:
    """What a DELETE from `part`, an oid, reaches.

    `members` lose rows, the part itself is the first of them; `cascades` are the links along which
    they do. `blockers` are links that forbid a row to go while another refers to it, `unlinks`
    those whose rows stay and lose the reference. Members that are `partitioned` stand for their
    leaves: see through_roots.
    """

    def __init__(self, part: int, links: Links) -> None:
        self.part = part
        self.relations = links.relations
        self.roots = links.roots
        along = [link for link in links.links if link.key.action == "CASCADE"]
        self.components = _components(part, _children(along))
        self.members: tuple[int, ...] = tuple(oid for one in self.components for oid in one)
        inside = set(self.members)
        mine = [link for link in links.links if link.parent in inside]
        self.cascades = tuple(link for link in mine if link.key.action == "CASCADE")
        self.unlinks = tuple(link for link in mine if link.key.action in CUTS)
        self.partitioned = frozenset(oid for oid in inside if self.relations[oid].partitioned)
        self.blockers = tuple(link for link in mine if link.key.action in {"RESTRICT", "NO ACTION"})

    @cached_property
    def cyclic(self) -> frozenset[int]:
        """The members that can reach themselves."""
        loops = {link.parent for link in self.cascades if link.parent == link.child}
        return frozenset(loops.union(*(one for one in self.components if len(one) > 1)))

    @cached_property
    def mutual(self) -> tuple[Link, ...]:
        """NO ACTION links from members: what refers may go in the same statement."""
        inside = set(self.members)
        return tuple(
            link
            for link in self.blockers
            if link.child in inside and link.key.action == "NO ACTION"
        )

    @property
    def deletes_fire(self) -> bool:
        """Whether triggers of the user's see what is deleted or unlinked."""
        return any(self.relations[oid].delete_triggers for oid in self.members) or any(
            self.relations[link.child].update_triggers for link in self.unlinks
        )

    @cached_property
    def depths(self) -> Mapping[int, int]:
        """How many foreign keys lead from the part to each member, at the least."""
        children = _children(self.cascades)
        depths, waiting = {self.part: 0}, [self.part]
        for oid in waiting:
            for child in children(oid):
                if child not in depths:
                    depths[child] = depths[oid] + 1
                    waiting.append(child)
        return depths

    def below(self, member: int) -> frozenset[int]:
        """The members that `member` reaches; itself only in a circle."""
        children = _children(self.cascades)
        found: set[int] = set()
        waiting = list(children(member))
        while waiting:
            if (oid := waiting.pop()) not in found:
                found.add(oid)
                waiting += children(oid)
        return frozenset(found)

    def inner(self, component: Sequence[int]) -> list[Link]:
        """The links that keep within `component`."""
        return [link for link in self.cascades if {link.child, link.parent} <= set(component)]

    def component(self, member: int) -> tuple[int, ...]:
        """The members that reach each other, `member` among them."""
        return next(one for one in self.components if member in one)


def below(part: int, links: Links | None, *, alone: bool = False) -> Cascade | None:
    """What a DELETE from `part` reaches; None where nothing refers to it, unless `alone`."""
    if links is None or not (alone or any(link.parent == part for link in links.links)):
        return None
    return Cascade(part, links)


def through_roots(cascade: Cascade, own: frozenset[int]) -> Cascade:
    """The same with each partitioned table as one member where its leaves have only that one link.

    Leaves stay where this role may not lock rows through the table, or would not see all of them,
    and where they belong to the swept table, as `own` do.
    """
    along: defaultdict[tuple[int, int], list[Link]] = defaultdict(list)
    links_of: defaultdict[int, int] = defaultdict(int)
    every = (*cascade.cascades, *cascade.unlinks, *cascade.blockers)
    for link in every:
        links_of[link.parent] += 1
        links_of[link.child] += 1
        if link in cascade.cascades:
            along[link.key.relation, link.parent].append(link)
    relations, taken = dict(cascade.relations), dict[Link, Link]()
    for (table, _), links in along.items():
        root, leaves = cascade.roots.get(table), {link.child for link in links}
        if root is None or root.hides_rows:
            continue
        if not (root.can_select and root.can_update and root.can_delete):
            continue
        if any(links_of[leaf] > 1 for leaf in leaves) or not leaves.isdisjoint(own):
            continue
        triggers = {one for leaf in leaves for one in relations[leaf].triggers}
        relations[table] = root._replace(triggers=tuple(triggers))
        taken |= {link: link._replace(child=table) for link in links}
    found = dict.fromkeys(taken.get(link, link) for link in every)
    return Cascade(cascade.part, Links(relations, tuple(found), cascade.roots))


def _children(links: Iterable[Link]) -> Callable[[int], list[int]]:
    children: dict[int, list[int]] = {}
    for link in links:
        children.setdefault(link.parent, []).append(link.child)
    return lambda oid: children.get(oid, [])


def _components(start: int, children: Callable[[int], list[int]]) -> tuple[tuple[int, ...], ...]:
    """Strongly connected components, each before those that it reaches (Tarjan, 1972)."""
    number: dict[int, int] = {}
    low: dict[int, int] = {}
    path: list[int] = []
    found: list[tuple[int, ...]] = []
    calls: list[tuple[int, Iterator[int]]] = []

    def enter(oid: int) -> None:
        number[oid] = low[oid] = len(number)
        path.append(oid)
        calls.append((oid, iter(children(oid))))

    enter(start)
    while calls:
        oid, rest = calls[-1]
        child = next(rest, None)
        if child is None:
            calls.pop()
            if calls:
                low[calls[-1][0]] = min(low[calls[-1][0]], low[oid])
            if low[oid] == number[oid]:
                at = path.index(oid)
                found.append(tuple(path[at:]))
                del path[at:]
        elif child not in number:
            enter(child)
        elif child in path:
            low[oid] = min(low[oid], number[child])
    return tuple(reversed(found))
