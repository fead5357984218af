"""Queries for the rows that a DELETE would reach: what a sweep gathers, for all at once."""

from collections.abc import Iterable

from psycopg import sql

from maintcli.db.links import Link
from maintcli.runtime.shard import Shard
from maintcli.work.cascade import circle
from maintcli.work.cascade import variables as v
from maintcli.work.cascade.graph import Cascade
from maintcli.work.sweep import stripes

PLACE = sql.Identifier("maint_ctid")

_ROOTS = sql.SQL("""{name} AS (SELECT {columns} FROM (
    SELECT *, ctid AS maint_ctid FROM ONLY {part} WHERE ({predicate}
)) AS p WHERE {which})""")

_ONE = sql.SQL("""{name} AS (
    SELECT {columns} FROM ONLY {child} AS c JOIN {above} AS p ON {match})""")

_SOME = sql.SQL("""{name} AS (
    SELECT {columns} FROM ONLY {child} AS c WHERE c.ctid IN ({places}))""")

_PLACES = sql.SQL("SELECT c.ctid FROM ONLY {child} AS c JOIN {above} AS p ON {match}")

_COUNT = sql.SQL("WITH RECURSIVE {members} SELECT count(*) FROM ({rows}{limit}) AS few")


class Reach:
    """The rows that go with those of a part for which `predicate` holds.

    Rows that a RESTRICT or NO ACTION key keeps are left out, as far as a query can tell. `own` are
    the relations of the swept table. With `shard` only its rows are stale: the others stay, unless
    they are below.
    """

    def __init__(
        self,
        cascade: Cascade,
        predicate: sql.Composable,
        own: frozenset[int],
        shard: Shard | None = None,
    ) -> None:
        self.cascade, self.predicate, self.own, self.shard = cascade, predicate, own, shard

    def going(self, member: int, most: int | None = None) -> sql.Composable:
        """Count the rows of `member` that go, up to `most`."""
        rows = sql.SQL("SELECT FROM {}").format(self._name(member))
        return self._count(rows, most, self._staying(negated=True))

    def beside(self, most: int | None = None) -> sql.Composable:
        """Count the rows of the part that go, and are not stale themselves."""
        rows = sql.SQL(
            "SELECT FROM ONLY {} WHERE ctid IN (SELECT {} FROM {}) AND ({}\n) IS NOT TRUE"
        ).format(
            self._quoted(self.cascade.part),
            PLACE,
            self._name(self.cascade.part),
            self._stale(self.cascade.part),
        )
        return self._count(rows, most, self._staying(negated=True))

    def unlinked(self, link: Link, most: int | None = None) -> sql.Composable:
        """Count the rows that lose a reference and stay."""
        gone: sql.Composable = sql.SQL("")
        if link.child in self.cascade.members:
            gone = sql.SQL(" AND NOT EXISTS (SELECT FROM {} AS g WHERE g.{} = c.ctid)").format(
                self._name(link.child), PLACE
            )
        return self._count(self._referring(link) + gone, most, self._staying(negated=True))

    def blocked(self, most: int | None = None) -> sql.Composable:
        """Count the stale rows that must stay."""
        rows = sql.SQL("SELECT FROM {}").format(self._name(self.cascade.part))
        return self._count(rows, most, self._staying(negated=False))

    def blocking(self, link: Link, most: int | None = None) -> sql.Composable:
        """Count the rows that keep others."""
        rows = self._referring(link)
        if link.child in self.own:
            rows += sql.SQL(" AND ({}\n) IS NOT TRUE").format(self._stale(link.child))
        return self._count(rows, most, sql.SQL("true"))

    def _referring(self, link: Link) -> sql.Composable:
        return sql.SQL(
            "SELECT FROM ONLY {} AS c WHERE EXISTS (SELECT FROM {} AS p WHERE {})"
        ).format(self._quoted(link.child), self._name(link.parent), v.match(link))

    def _count(
        self, rows: sql.Composable, most: int | None, which: sql.Composable
    ) -> sql.Composable:
        limit = sql.SQL(" LIMIT {}").format(most) if most is not None else sql.SQL("")
        members = sql.SQL(",\n").join(self._members(which))
        return _COUNT.format(members=members, rows=rows, limit=limit)

    def _members(self, which: sql.Composable) -> Iterable[sql.Composable]:
        cascade = self.cascade
        roots = self._name(cascade.part)
        if cascade.part in cascade.cyclic:
            roots = sql.Identifier("maint_roots")
        yield _ROOTS.format(
            name=roots,
            columns=self._columns(cascade.part, "p", PLACE),
            part=self._quoted(cascade.part),
            predicate=self._stale(cascade.part),
            which=which,
        )
        for component in cascade.components:
            if set(component) <= cascade.cyclic:
                yield from self._circle(component)
            elif component != (cascade.part,):
                yield self._member(component[0])

    def _member(self, oid: int) -> sql.Composable:
        links = [link for link in self.cascade.cascades if link.child == oid]
        name, columns = self._name(oid), self._columns(oid, "c", sql.Identifier("c", "ctid"))
        child = self._quoted(oid)
        if len(links) == 1:
            above, match = self._name(links[0].parent), v.match(links[0])
            return _ONE.format(name=name, columns=columns, child=child, above=above, match=match)
        places = sql.SQL(" UNION ALL ").join(self._places(link) for link in links)
        return _SOME.format(name=name, columns=columns, child=child, places=places)

    def _circle(self, component: tuple[int, ...]) -> Iterable[sql.Composable]:
        """Row by row, as there is no telling how often it goes round."""
        cascade, number = self.cascade, self.cascade.members.index
        start = [
            sql.SQL("SELECT {}, o.* FROM ({}) AS o").format(number(link.child), self._places(link))
            for link in cascade.cascades
            if link.child in component and link.parent not in component
        ]
        if cascade.part in component:
            start.append(
                sql.SQL("SELECT {}, {} FROM maint_roots").format(number(cascade.part), PLACE)
            )
        name = sql.Identifier(f"maint_circle{number(component[0])}")
        yield circle.below(cascade, component, name, start)
        for oid in component:
            yield _SOME.format(
                name=self._name(oid),
                columns=self._columns(oid, "c", sql.Identifier("c", "ctid")),
                child=self._quoted(oid),
                places=sql.SQL("SELECT place FROM {} WHERE member = {}").format(name, number(oid)),
            )

    def _places(self, link: Link) -> sql.Composable:
        above, child = self._name(link.parent), self._quoted(link.child)
        return _PLACES.format(child=child, above=above, match=v.match(link))

    def _columns(self, oid: int, row: str, place: sql.Composable) -> sql.Composable:
        """What links to the rows are followed by, and their place."""
        links = [*self.cascade.cascades, *self.cascade.unlinks, *self.cascade.blockers]
        names = {name for link in links if link.parent == oid for name in link.key.parent_columns}
        columns = [sql.Identifier(row, name) for name in sorted(names)]
        return sql.SQL(", ").join([*columns, sql.SQL("{} AS {}").format(place, PLACE)])

    def _staying(self, *, negated: bool) -> sql.Composable:
        """Whether a root p has a row below it, or is one, that another row keeps."""
        if not self.cascade.blockers:
            return sql.SQL("true") if negated else sql.SQL("false")
        found = self._kept(self.cascade.part, "p", (self.cascade.part,))
        return sql.SQL("NOT ({})").format(found) if negated else found

    def _kept(self, oid: int, row: str, path: tuple[int, ...]) -> sql.Composable:
        conditions: list[sql.Composable] = []
        below = f"maint_c{len(path)}"
        exists = sql.SQL("EXISTS (SELECT FROM ONLY {} AS {} WHERE {}{})")
        for link in self.cascade.blockers:
            if link.parent != oid or (link in self.cascade.mutual and link.child not in self.own):
                continue
            stays: sql.Composable = sql.SQL("")
            if link.child in self.own and link.key.action == "NO ACTION":
                stays = sql.SQL(" AND ({}\n) IS NOT TRUE").format(self._stale(link.child))
            child = self._quoted(link.child)
            match = v.match(link, row, below)
            conditions.append(exists.format(child, sql.Identifier(below), match, stays))
        for link in self.cascade.cascades:
            if link.parent != oid or link.child in path or not self._leads_to_blocker(link.child):
                continue
            child, match = self._quoted(link.child), v.match(link, row, below)
            further = self._kept(link.child, below, (*path, link.child))
            also = sql.SQL(" AND ({})").format(further)
            conditions.append(exists.format(child, sql.Identifier(below), match, also))
        return v.either(conditions)

    def _stale(self, oid: int) -> sql.Composable:
        return stripes.within(self.shard, oid, self.predicate)

    def _leads_to_blocker(self, oid: int) -> bool:
        reached = {oid, *self.cascade.below(oid)}
        return any(link.parent in reached for link in self.cascade.blockers)

    def _name(self, oid: int) -> sql.Composable:
        return sql.Identifier(f"maint_m{self.cascade.members.index(oid)}")

    def _quoted(self, oid: int) -> sql.Composable:
        return self.cascade.relations[oid].quoted
