"""Queries for the rows that a DELETE would reach: what a sweep gathers, for all at once."""

from collections.abc import Iterable, Mapping, Sequence

from psycopg import sql

from maintcli.db.catalog.links import Link
from maintcli.engines.base import stripes
from maintcli.engines.foreign_keys import circle
from maintcli.engines.foreign_keys import variables as v
from maintcli.engines.foreign_keys.graph import Cascade
from maintcli.runtime.shard import Shard

PLACE = sql.Identifier("maint_ctid")

_ROOTS = sql.SQL("""{name} AS (SELECT {columns} FROM ({stale}) AS p WHERE {which})""")

_STALE = sql.SQL("SELECT *, ctid AS maint_ctid FROM ONLY {part} WHERE ({predicate}\n){left}")

# A stale row that must stay keeps the stale row that it refers to.
_STAYING = sql.SQL("""{name} AS (
    SELECT p.maint_ctid FROM ({stale}) AS p WHERE {kept}
    UNION
    SELECT p.maint_ctid FROM {name} AS s JOIN {part} AS c ON c.ctid = s.maint_ctid
    JOIN ({stale}) AS p ON {match})""")

_ONE = sql.SQL("""{name} AS (
    SELECT {columns} FROM {child} AS c JOIN {above} AS p ON {match})""")

_SOME = sql.SQL("""{name} AS (
    SELECT {columns} FROM {child} AS c WHERE c.ctid IN ({places}))""")

_PLACES = sql.SQL("SELECT c.ctid FROM {child} AS c JOIN {above} AS p ON {match}")

_FRESH = sql.SQL("""SELECT FROM ONLY {relation} WHERE ctid IN (SELECT {place} FROM {name})
AND ({stale}
) IS NOT TRUE""")

_LEFT = sql.SQL("(SELECT *, ctid FROM ONLY {relation} WHERE {left})")
_NOT_GONE = sql.SQL("NOT EXISTS (SELECT FROM ({gone}) AS g WHERE g.maint_ctid = {relation}.ctid)")

_COUNT = sql.SQL("WITH RECURSIVE {members} SELECT count(*) FROM ({rows}{limit}) AS few")


class Reach:
    """The rows that go with those of a part for which `predicate` holds.

    Rows that a RESTRICT or NO ACTION key keeps are left out, as far as a query can tell. `own` are
    the relations of the swept table. With `shard` only its rows are stale: the others stay, unless
    they are below. What goes by `earlier` ones is gone: it neither goes again nor keeps a row.
    Their numbers tell them apart.
    """

    def __init__(
        self,
        cascade: Cascade,
        predicate: sql.Composable,
        own: frozenset[int],
        shard: Shard | None = None,
        earlier: Sequence["Reach"] = (),
        number: int = 0,
    ) -> None:
        self.cascade, self.predicate, self.own, self.shard = cascade, predicate, own, shard
        self.number = number
        self.earlier = self._touching(earlier)

    @property
    def relations(self) -> frozenset[int]:
        """All relations that it looks at."""
        links = [*self.cascade.unlinks, *self.cascade.blockers]
        return frozenset([*self.cascade.members, *(link.child for link in links)])

    def gone(self, most: int | None = None) -> sql.Composable:
        """Count the stale rows that are gone by then."""
        part, gone = self.cascade.part, self._gone(self.cascade.part)
        rows = sql.SQL("SELECT FROM ONLY {} WHERE ({}\n) AND ctid IN ({})").format(
            self._quoted(part), self._stale(part), gone or sql.SQL("SELECT NULL::tid")
        )
        return self._count(rows, most, sql.SQL("false"))

    def going(
        self,
        members: Iterable[int],
        most: int | None = None,
        stale: Mapping[int, sql.Composable] | None = None,
    ) -> sql.Composable:
        """Count the rows of `members` that go, up to `most`; of some but those that are `stale`."""
        rows = _all(self._going(one, (stale or {}).get(one)) for one in members)
        return self._count(rows, most, self._staying(negated=True))

    def beside(self, members: Iterable[int], most: int | None = None) -> sql.Composable:
        """Count the rows of some of `own` that go, and are not stale themselves."""
        oids = list(members)
        return self.going(oids, most, {oid: self._stale(oid) for oid in oids})

    def _going(self, oid: int, stale: sql.Composable | None) -> sql.Composable:
        if stale is None:
            return sql.SQL("SELECT FROM {}").format(self._name(oid))
        return _FRESH.format(
            relation=self._quoted(oid), place=PLACE, name=self._name(oid), stale=stale
        )

    def unlinked(self, links: Iterable[Link], most: int | None = None) -> sql.Composable:
        """Count the rows that lose a reference and stay."""
        rows = _all(self._referring(link) + self._stays(link) for link in links)
        return self._count(rows, most, self._staying(negated=True))

    def _stays(self, link: Link) -> sql.Composable:
        if link.child not in self.cascade.members:
            return sql.SQL("")
        return sql.SQL(" AND NOT EXISTS (SELECT FROM {} AS g WHERE g.{} = c.ctid)").format(
            self._name(link.child), PLACE
        )

    def blocked(self, most: int | None = None) -> sql.Composable:
        """Count the stale rows that must stay."""
        rows = sql.SQL("SELECT FROM {}").format(self._roots)
        return self._count(rows, most, self._staying(negated=False))

    def blocking(self, links: Iterable[Link], most: int | None = None) -> sql.Composable:
        """Count the rows that keep others."""
        rows = _all(self._referring(link) + self._fresh(link) for link in links)
        return self._count(rows, most, sql.SQL("true"))

    def _fresh(self, link: Link) -> sql.Composable:
        if link.child not in self.own:
            return sql.SQL("")
        return sql.SQL(" AND ({}\n) IS NOT TRUE").format(self._stale(link.child))

    def _touching(self, earlier: Sequence["Reach"]) -> list["Reach"]:
        """Those whose rows are looked at here, or by one of those."""
        found: list[Reach] = []
        relations = self.relations
        for reach in reversed(earlier):
            if not relations.isdisjoint(reach.cascade.members):
                found.insert(0, reach)
                relations |= reach.relations
        return found

    def _referring(self, link: Link) -> sql.Composable:
        return sql.SQL("SELECT FROM {} AS c WHERE EXISTS (SELECT FROM {} AS p WHERE {})").format(
            self._source(link.child), self._name(link.parent), v.match(link)
        )

    def _count(
        self, rows: sql.Composable, most: int | None, which: sql.Composable
    ) -> sql.Composable:
        limit = sql.SQL(" LIMIT {}").format(most) if most is not None else sql.SQL("")
        members = [
            one
            for reach in self.earlier
            for one in reach._members(reach._staying(negated=True))  # noqa: SLF001  one of us
        ]
        whole = sql.SQL(",\n").join([*members, *self._members(which)])
        return _COUNT.format(members=whole, rows=rows, limit=limit)

    def _members(self, which: sql.Composable) -> Iterable[sql.Composable]:
        cascade = self.cascade
        if self._own_blockers:
            yield self._all_staying()
        yield _ROOTS.format(
            name=self._roots,
            columns=self._columns(cascade.part, "p", PLACE),
            stale=self._stale_rows,
            which=which,
        )
        for component in cascade.components:
            if set(component) <= cascade.cyclic:
                yield from self._circle(component)
            elif component != (cascade.part,):
                yield self._member(component[0])

    @property
    def _roots(self) -> sql.Composable:
        if self.cascade.part in self.cascade.cyclic:
            return sql.Identifier(f"maint_roots{self.number}")
        return self._name(self.cascade.part)

    def _member(self, oid: int) -> sql.Composable:
        links = [link for link in self.cascade.cascades if link.child == oid]
        name, columns = self._name(oid), self._columns(oid, "c", sql.Identifier("c", "ctid"))
        child = self._source(oid)
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
                sql.SQL("SELECT {}, {} FROM {}").format(number(cascade.part), PLACE, self._roots)
            )
        name = sql.Identifier(f"maint_circle{self.number}_{number(component[0])}")
        yield circle.below(cascade, component, name, start, self._source)
        for oid in component:
            yield _SOME.format(
                name=self._name(oid),
                columns=self._columns(oid, "c", sql.Identifier("c", "ctid")),
                child=self._source(oid),
                places=sql.SQL("SELECT place FROM {} WHERE member = {}").format(name, number(oid)),
            )

    def _places(self, link: Link) -> sql.Composable:
        above, child = self._name(link.parent), self._source(link.child)
        return _PLACES.format(child=child, above=above, match=v.match(link))

    def _columns(self, oid: int, row: str, place: sql.Composable) -> sql.Composable:
        """What links to the rows are followed by, and their place."""
        links = [*self.cascade.cascades, *self.cascade.unlinks, *self.cascade.blockers]
        names = {name for link in links if link.parent == oid for name in link.key.parent_columns}
        columns = [sql.Identifier(row, name) for name in sorted(names)]
        return sql.SQL(", ").join([*columns, sql.SQL("{} AS {}").format(place, PLACE)])

    @property
    def _own_blockers(self) -> list[Link]:
        """The keys by which rows of the part keep each other."""
        part = self.cascade.part
        return [link for link in self.cascade.blockers if link.parent == link.child == part]

    def _all_staying(self) -> sql.Composable:
        """The stale rows that must stay, where one may do so for another's sake."""
        match = sql.SQL(" OR ").join(
            sql.SQL("({})").format(v.match(link)) for link in self._own_blockers
        )
        return _STAYING.format(
            name=self._staying_name,
            stale=self._stale_rows,
            part=self._source(self.cascade.part),
            kept=self._kept(self.cascade.part, "p", (self.cascade.part,)),
            match=match,
        )

    @property
    def _staying_name(self) -> sql.Composable:
        return sql.Identifier(f"maint_staying{self.number}")

    def _staying(self, *, negated: bool) -> sql.Composable:
        """Whether a root p has a row below it, or is one, that another row keeps."""
        if not self.cascade.blockers:
            return sql.SQL("true") if negated else sql.SQL("false")
        if self._own_blockers:
            found: sql.Composable = sql.SQL(
                "EXISTS (SELECT FROM {} AS s WHERE s.{place} = p.{place})"
            ).format(self._staying_name, place=PLACE)
        else:
            found = self._kept(self.cascade.part, "p", (self.cascade.part,))
        return sql.SQL("NOT ({})").format(found) if negated else found

    def _kept(self, oid: int, row: str, path: tuple[int, ...]) -> sql.Composable:
        conditions: list[sql.Composable] = []
        below = f"maint_c{len(path)}"
        exists = sql.SQL("EXISTS (SELECT FROM {} AS {} WHERE {}{})")
        for link in self.cascade.blockers:
            if link.parent != oid or (link in self.cascade.mutual and link.child not in self.own):
                continue
            stays: sql.Composable = sql.SQL("")
            if link.child in self.own:  # a stale one goes in this pass, or before the next
                stays = sql.SQL(" AND ({}\n) IS NOT TRUE").format(self._stale(link.child))
            child = self._source(link.child)
            match = v.match(link, row, below)
            conditions.append(exists.format(child, sql.Identifier(below), match, stays))
        for link in self.cascade.cascades:
            if link.parent != oid or link.child in path or not self._leads_to_blocker(link.child):
                continue
            child, match = self._source(link.child), v.match(link, row, below)
            further = self._kept(link.child, below, (*path, link.child))
            also = sql.SQL(" AND ({})").format(further)
            conditions.append(exists.format(child, sql.Identifier(below), match, also))
        return v.either(conditions)

    def _stale(self, oid: int) -> sql.Composable:
        return stripes.within(self.shard, oid, self.predicate)

    @property
    def _stale_rows(self) -> sql.Composable:
        part = self.cascade.part
        left = sql.SQL(" AND {}").format(self._left(part)) if self._gone(part) else sql.SQL("")
        return _STALE.format(part=self._quoted(part), predicate=self._stale(part), left=left)

    def _source(self, oid: int) -> sql.Composable:
        """Where to find the rows of a relation that are not gone."""
        if self._gone(oid) is None:
            return sql.SQL("ONLY {}").format(self._quoted(oid))
        return _LEFT.format(relation=self._quoted(oid), left=self._left(oid))

    def _left(self, oid: int) -> sql.Composable:
        return _NOT_GONE.format(gone=self._gone(oid), relation=self._quoted(oid))

    def _gone(self, oid: int) -> sql.Composable | None:
        """The places of the rows of a relation that earlier ones take; None where none does."""
        names = [
            sql.SQL("SELECT {} FROM {}").format(PLACE, reach._name(oid))  # noqa: SLF001  one of us
            for reach in self.earlier
            if oid in reach.cascade.members
        ]
        return sql.SQL(" UNION ALL ").join(names) if names else None

    def _leads_to_blocker(self, oid: int) -> bool:
        reached = {oid, *self.cascade.below(oid)}
        return any(link.parent in reached for link in self.cascade.blockers)

    def _name(self, oid: int) -> sql.Composable:
        return sql.Identifier(f"maint_m{self.number}_{self.cascade.members.index(oid)}")

    def _quoted(self, oid: int) -> sql.Composable:
        return self.cascade.relations[oid].quoted


def _all(queries: Iterable[sql.Composable]) -> sql.Composable:
    """All leaves of a table are counted by one statement, which finds the roots once."""
    return sql.SQL("\nUNION ALL ").join(queries)
