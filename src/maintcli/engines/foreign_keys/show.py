"""What a sweep would reach through foreign keys: counted, bounded in rows and time, and told."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psycopg
from psycopg import sql

from maintcli.db.catalog.links import Link
from maintcli.db.catalog.tables import Table
from maintcli.engines.base.target import Root
from maintcli.engines.foreign_keys import graph, look
from maintcli.engines.foreign_keys.graph import CUTS, Cascade
from maintcli.engines.foreign_keys.reach import Reach
from maintcli.engines.foreign_keys.tally import remedy
from maintcli.runtime.context import Context
from maintcli.words import many

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


@dataclass(slots=True)
class Reached:
    """A table, and what one ON DELETE action does with rows of it; None: not counted in time."""

    table: str
    depth: int
    action: str
    rows: int | None = 0
    cyclic: bool = False
    keys: list[str] = field(default_factory=list[str])
    triggers: list[str] = field(default_factory=list[str])
    missing_indexes: list[str] = field(default_factory=list[str])
    remedies: list[str] = field(default_factory=list[str])

    @property
    def name(self) -> tuple[str, str]:
        """What it is entered by."""
        return self.table, self.action

    def as_dict(self) -> dict[str, Any]:
        """For the report."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class Shown:
    """What goes with the stale rows of a table. `own` are the rows of the table itself."""

    reached: dict[tuple[str, str], Reached] = field(default_factory=dict[tuple[str, str], Reached])
    own: int | None = 0
    blocked: int | None = 0

    @property
    def listed(self) -> list[Reached]:
        """From the near to the far."""
        return sorted(self.reached.values(), key=lambda one: (one.depth, one.table, one.action))

    def rows(self, *actions: str) -> int | None:
        """The rows that those actions concern."""
        return plus(*(one.rows for one in self.listed if one.action in actions))

    def cascaded(self, swept: str) -> int | None:
        """The rows of other tables than `swept` that go: of that one they are among `own`."""
        return plus(
            *(one.rows for one in self.listed if one.action == "CASCADE" and one.table != swept)
        )

    def tables(self, swept: str) -> dict[str, int]:
        """The rows of each table that go, where they are known: of `swept` those among `own`."""
        listed = [one for one in self.listed if one.action == "CASCADE" and one.table != swept]
        others = {one.table: one.rows for one in listed if one.rows}
        return others if self.own is None else {**others, swept: self.own}

    def add(self, name: tuple[str, str], rows: int | None) -> None:
        """Add the rows of some of its relations to an entry."""
        self.reached[name].rows = plus(self.reached[name].rows, rows)

    def entry(self, reach: Reach, link: Link) -> Reached:
        """The entry for a link's table and action, with what the link adds to it."""
        cascade, action = reach.cascade, link.key.action
        child = cascade.relations[link.child]
        depth = cascade.depths[link.parent] + 1
        found = self.reached.setdefault((child.top, action), Reached(child.top, depth, action))
        found.depth = min(found.depth, depth)
        found.cyclic |= action == "CASCADE" and link.child in cascade.cyclic
        _add(found.keys, [link.key.name])
        if action == "CASCADE":
            _add(found.triggers, child.delete_triggers)
        elif action in CUTS:
            _add(found.triggers, child.update_triggers)
        if link in cascade.blockers:
            _add(found.remedies, link.remedy)
        elif not link.indexed:
            _add(found.missing_indexes, [_index_for(reach, link)])
        return found


def _index_for(reach: Reach, link: Link) -> str:
    """The statement that makes the index which a link wants."""
    columns = ", ".join(sql.Identifier(name).as_string() for name in link.key.columns)
    child = reach.cascade.relations[link.child].quoted.as_string()
    return f"CREATE INDEX CONCURRENTLY ON {child} ({columns});"


def count_below(context: Context, found: Iterable[Reach], stale: int) -> Shown:
    """Count what goes with the `stale` rows of a table, as `found` says for each of its parts."""
    counted, shown = Patiently(context), Shown(own=stale)
    for reach in found:
        _look(reach, counted, shown)
    return shown


def plus(*figures: int | None) -> int | None:
    """Their sum, None where one is unknown."""
    known = [figure for figure in figures if figure is not None]
    return sum(known) if len(known) == len(figures) else None


def _look(reach: Reach, counted: Patiently, shown: Shown) -> None:
    cascade = reach.cascade
    if reach.earlier:
        gone = counted(reach.gone)
        shown.own = plus(shown.own, -gone) if gone is not None else None
    if cascade.blockers:
        blocked = counted(reach.blocked)
        shown.blocked = plus(shown.blocked, blocked)
        shown.own = plus(shown.own, -blocked) if blocked is not None else None
    _look_beside(reach, counted, shown)
    _look_below(reach, counted, shown)


def _look_beside(reach: Reach, counted: Patiently, shown: Shown) -> None:
    """Rows of the swept table itself that are fresh, and go with stale ones."""
    fresh: defaultdict[tuple[str, str], dict[int, None]] = defaultdict(dict)
    for link in reach.cascade.cascades:
        if link.child in reach.own:
            fresh[shown.entry(reach, link).name][link.child] = None
    for name, oids in fresh.items():
        rows = counted(partial(reach.beside, oids))
        shown.own = plus(shown.own, rows)
        shown.add(name, rows)


def _look_below(reach: Reach, counted: Patiently, shown: Shown) -> None:
    cascade = reach.cascade
    going: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for oid in cascade.members[1:]:
        entries = [shown.entry(reach, link) for link in cascade.cascades if link.child == oid]
        if oid not in reach.own:
            going[entries[0].name].append(oid)
    for name, oids in going.items():
        shown.add(name, counted(partial(reach.going, oids)))
    for name, links in _by_entry(reach, cascade.unlinks, shown).items():
        shown.add(name, counted(partial(reach.unlinked, links)))
    blockers = [k for k in cascade.blockers if k not in cascade.mutual or k.child in reach.own]
    for name, links in _by_entry(reach, blockers, shown).items():
        shown.add(name, counted(partial(reach.blocking, links)))


def _by_entry(
    reach: Reach, links: Iterable[Link], shown: Shown
) -> Mapping[tuple[str, str], list[Link]]:
    found: defaultdict[tuple[str, str], list[Link]] = defaultdict(list)
    for link in links:
        found[shown.entry(reach, link).name].append(link)
    return found


def tell(context: Context, table: Table, shown: Shown) -> None:
    """Log it, table after table."""
    log = context.log
    for one in shown.listed:
        rows = many(one.rows) if one.rows is not None else "rows, not counted in time,"
        ring = ", in a circle" if one.cyclic else ""
        where = f"({', '.join(one.keys)}: ON DELETE {one.action}, depth {one.depth}{ring})"
        if one.action == "CASCADE":
            log.info(f"would delete {rows} of {one.table} with them {where}")
        elif one.action in CUTS:
            log.info(f"would take the reference from {rows} of {one.table} {where}")
        elif one.rows != 0:
            refer = "refers" if one.rows == 1 else "refer"
            log.warn(
                f"{rows} of {one.table} {refer} to rows that would go, without ON DELETE CASCADE"
                f" {where}.{remedy(one.remedies)}",
                one.remedies,
            )
        if one.triggers and one.rows != 0:
            log.info(f"triggers of {one.table} would fire: {', '.join(one.triggers)}")
        if one.missing_indexes:
            log.warn(
                f"Slow: {one.table} has no index for a foreign key. To add it, run:",
                one.missing_indexes,
            )
    if shown.blocked:
        log.warn(f"{many(shown.blocked)} of {table} cannot be deleted (exit code 3)")


def _add(listed: list[str], names: Iterable[str]) -> None:
    listed += [name for name in names if name not in listed]
