"""PL/pgSQL that collects, and locks, all that goes with the rows in maint_r: level by level.

Each level is a statement of its own, and so sees what was committed before the level above was
locked. Behind that nothing can be added: who refers to a row has to lock it first. Roots above rows
that cannot go, because they are locked or referred to, are left out: a root goes with all that is
below it, or stays with all of it.
"""

from collections.abc import Iterable

from psycopg import sql

from maintcli.db.catalog.links import Link
from maintcli.engines.foreign_keys import variables as v
from maintcli.engines.foreign_keys.circle import Circle
from maintcli.engines.foreign_keys.graph import Cascade

_NOTHING = sql.SQL("")

_TAKE = sql.SQL("""IF pg_catalog.cardinality({above}) > 0 THEN
    maint_t := coalesce((SELECT pg_catalog.array_agg(t) FROM (
    SELECT c.ctid AS t FROM ONLY {parent} AS p JOIN ONLY {child} AS c ON {match}
    WHERE p.ctid = ANY ({above}) LIMIT maint_bound{lock}
) AS few), '{{}}');
    {cut} := {cut} OR coalesce(pg_catalog.cardinality(maint_t) >= maint_bound, false);
    {only_free}
    {into} := pg_catalog.array_cat({into}, {fresh});
END IF;""")

_LOCK = sql.SQL(" FOR UPDATE OF c")

# What others hold locked keeps what it refers to; a row that loses a reference only, for want of
# an array of its own, keeps that at once.
_ONLY_FREE = sql.SQL("""maint_u := coalesce((SELECT pg_catalog.array_agg(t) FROM (
        SELECT ctid AS t FROM ONLY {child} WHERE ctid = ANY (maint_t) FOR UPDATE SKIP LOCKED
    ) AS few), '{{}}');
    IF pg_catalog.cardinality(maint_u) < pg_catalog.cardinality(maint_t) THEN
        {kept} := pg_catalog.array_cat({kept}, {locked});
        maint_t := maint_u;
    END IF;""")

_PARENTS_OF_LOCKED = sql.SQL("""(SELECT pg_catalog.array_agg(DISTINCT p.ctid)
            FROM ONLY {parent} AS p JOIN ONLY {child} AS c ON {match}
            WHERE p.ctid = ANY ({above}) AND c.ctid = ANY (maint_t)
              AND c.ctid <> ALL (maint_u))""")

_TAKE_LEAVES = sql.SQL("""IF pg_catalog.cardinality({above}) > 0 THEN
    SELECT coalesce(pg_catalog.array_agg(place), '{{}}'),
        coalesce(pg_catalog.array_agg(leaf), '{{}}')
    INTO {rows}, {leaves} FROM (
        SELECT c.ctid AS place, c.tableoid AS leaf
        FROM ONLY {parent} AS p JOIN {child} AS c ON {match}
        WHERE p.ctid = ANY ({above}) LIMIT maint_bound{lock}
    ) AS few;
    {cut} := coalesce(pg_catalog.cardinality({rows}) >= maint_bound, false);
    {only_free}
END IF;""")

# A row that others hold locked may have moved just now: then all stay that it may refer to.
_ONLY_FREE_LEAVES = sql.SQL("""maint_free := '{{}}'; maint_free_leaves := '{{}}';
    {each}
        EXECUTE pg_catalog.format(
            'SELECT coalesce((SELECT pg_catalog.array_agg(t) FROM (SELECT ctid AS t FROM ONLY %s'
            ' WHERE ctid = ANY ($1) FOR UPDATE SKIP LOCKED) AS few), ''{{}}'')',
            maint_leaf::regclass) INTO maint_u USING maint_t;
        maint_free := pg_catalog.array_cat(maint_free, maint_u);
        maint_free_leaves := pg_catalog.array_cat(maint_free_leaves,
            pg_catalog.array_fill(maint_leaf, ARRAY[pg_catalog.cardinality(maint_u)]));
        IF pg_catalog.cardinality(maint_u) < pg_catalog.cardinality(maint_t) THEN
            {kept} := pg_catalog.array_cat({kept}, coalesce((
                SELECT pg_catalog.array_agg(DISTINCT p.ctid)
                FROM ONLY {parent} AS p JOIN {child} AS c ON {match}
                WHERE p.ctid = ANY ({above}) AND c.tableoid = maint_leaf
                  AND c.ctid = ANY (maint_t) AND c.ctid <> ALL (maint_u)), {above}));
        END IF;
    END LOOP;
    {rows} := maint_free; {leaves} := maint_free_leaves;""")

# In a circle one look sees a moment before its rows are locked. Once a look finds nothing that is
# not locked there is nothing more to come, and what it did not find any more has gone elsewhere.
_ROUNDS = sql.SQL("""{start}
LOOP
    maint_k := 0;
{found}
{locks}
    EXIT WHEN maint_k = 0;
END LOOP;
{ends}""")

_LOCK_NEW = sql.SQL("""maint_t := {new};
    maint_u := coalesce((SELECT pg_catalog.array_agg(t) FROM (
        SELECT ctid AS t FROM ONLY {relation} WHERE ctid = ANY (maint_t) FOR UPDATE{skip}
    ) AS few), '{{}}');
    {keep}
    {rows} := pg_catalog.array_cat({rows}, maint_u);
    maint_k := maint_k + pg_catalog.cardinality(maint_t);""")

_KEEP_REST = sql.SQL("""{kept} := pg_catalog.array_cat({kept}, {locked});
    maint_t := maint_u;""")

_END = sql.SQL("""{rows} := ARRAY(
    SELECT pg_catalog.unnest({rows}) INTERSECT SELECT pg_catalog.unnest({found}));
{cut} := {cut} OR coalesce({size} >= {most}, false);""")

_SEED = sql.SQL("""IF pg_catalog.cardinality({rows}) > 0{unless} THEN
    maint_t := coalesce((SELECT pg_catalog.array_agg(p.ctid) FROM ONLY {parent} AS p
        WHERE p.ctid = ANY ({rows}) AND EXISTS (
            SELECT FROM ONLY {child} AS c WHERE {match}{outside})), '{{}}');
    {kept} := pg_catalog.array_cat({kept}, maint_t);
    {blocked} := {blocked} + pg_catalog.cardinality(maint_t);
END IF;""")

_OUTSIDE = sql.SQL(" AND c.ctid <> ALL ({})")
_UNLESS = sql.SQL(" AND NOT ({})")

_UP = sql.SQL("""IF pg_catalog.cardinality({below}) > 0 THEN
    {kept} := ARRAY(SELECT pg_catalog.unnest({kept}) UNION SELECT p.ctid
        FROM ONLY {child} AS c JOIN ONLY {parent} AS p ON {match}
        WHERE c.ctid = ANY ({below}) AND p.ctid = ANY ({rows}));
END IF;""")

_UP_CIRCLE = sql.SQL("""IF {some} THEN
{above}
{keep}
END IF;""")

# What is locked may have moved just now, so that its root is not found: then all of them stay.
_DROP = sql.SQL("""IF {some} THEN
{ups}
maint_t := ARRAY(SELECT pg_catalog.unnest(maint_r) INTERSECT SELECT pg_catalog.unnest({kept}));
IF pg_catalog.cardinality(maint_t) = 0 THEN
    maint_t := maint_r;
END IF;
maint_r := ARRAY(SELECT pg_catalog.unnest(maint_r) EXCEPT SELECT pg_catalog.unnest(maint_t));
{count} := {count} + pg_catalog.cardinality(maint_t);
CONTINUE;
END IF;""")


class Collect(Circle):
    """With `skip_locked` no row is waited for: what others hold locked keeps what it refers to."""

    def __init__(self, cascade: Cascade, *, skip_locked: bool) -> None:
        super().__init__(cascade)
        self.skip_locked = skip_locked
        self.lock = _NOTHING if skip_locked else _LOCK

    def gather(self) -> sql.Composable:
        """Fill the arrays of all members and links; maint_bound is how much of each, NULL all."""
        reset = [
            sql.SQL("{} := '{{}}'; {} := '{{}}'; {} := false;").format(
                self.rows(oid), self.kept(oid), self.cut(oid)
            )
            for oid in self.cascade.members
        ]
        reset += [
            sql.SQL("{} := '{{}}'; {} := false;").format(self.unlinked(link), self.link_cut(link))
            for link in self.cascade.unlinks
        ]
        first = sql.SQL("{} := maint_r;").format(self.rows(self.cascade.part))
        levels = [self._level(one) for one in self.cascade.components]
        links = [self._unlinked(link) for link in self.cascade.unlinks]
        return v.joined([*reset, first, *levels, *links])

    def drop_locked(self) -> sql.Composable:
        """Leave out the roots above rows that others hold locked, and look again at the rest."""
        return self._drop(sql.SQL("maint_locked"))

    def drop_blocked(self) -> sql.Composable:
        """Leave out the roots above rows that a RESTRICT or NO ACTION key refers to."""
        if not self.cascade.blockers:
            return _NOTHING
        seeds = [self._seed(link) for link in self.cascade.blockers]
        return v.joined([*seeds, self._drop(sql.SQL("maint_blocked"))])

    def _level(self, component: tuple[int, ...]) -> sql.Composable:
        lines = [
            self._member(link)
            for link in self.cascade.cascades
            if link.child in component and link.parent not in component
        ]
        if set(component) <= self.cascade.cyclic:
            lines.append(self._rounds(component))
        return v.joined(lines)

    def _member(self, link: Link) -> sql.Composable:
        """The rows that go along one link, and that no other link has brought already."""
        oid = link.child
        if oid in self.cascade.partitioned:
            return self._leaves(link)
        rows, new = self.rows(oid), sql.SQL("maint_t")
        alone = sum(other.child == oid for other in self.cascade.cascades) == 1
        free = _ONLY_FREE.format(child=self.quoted(oid), kept=self.kept(oid), locked=v.LOCKED)
        return _TAKE.format(
            **self._along(link),
            cut=self.cut(oid),
            lock=self.lock,
            only_free=self._where_skipped(free),
            into=rows,
            fresh=new if alone else v.without(new, rows),
        )

    def _unlinked(self, link: Link) -> sql.Composable:
        """The rows that lose a reference (SET NULL, SET DEFAULT), without those that go."""
        into, along = self.unlinked(link), self._along(link)
        free = _ONLY_FREE.format(
            child=along["child"],
            kept=self.kept(link.parent),
            locked=_PARENTS_OF_LOCKED.format(**along),
        )
        lines: list[sql.Composable] = [
            _TAKE.format(
                **along,
                cut=self.link_cut(link),
                lock=self.lock,
                only_free=self._where_skipped(free),
                into=into,
                fresh=sql.SQL("maint_t"),
            )
        ]
        if link.child in self.cascade.members:
            lines.append(v.take_out(into, self.rows(link.child)))
        # The default may refer to the row that goes: all at once.
        if link.key.action == "SET DEFAULT":
            before = sql.SQL("maint_p := maint_bound; maint_bound := NULL;")
            return v.joined([before, *lines, sql.SQL("maint_bound := maint_p;")])
        return v.joined(lines)

    def _leaves(self, link: Link) -> sql.Composable:
        """The rows of all leaves of a partitioned table, in one statement, and their leaves."""
        oid = link.child
        holes = self._along(link) | {"rows": self.rows(oid), "leaves": self.leaves(oid)}
        free = _ONLY_FREE_LEAVES.format(
            each=self.each_leaf(oid), kept=self.kept(link.parent), **holes
        )
        return _TAKE_LEAVES.format(
            cut=self.cut(oid),
            lock=self.lock,
            only_free=self._where_skipped(free),
            **holes,
        )

    def _where_skipped(self, text: sql.Composable) -> sql.Composable:
        return text if self.skip_locked else _NOTHING

    def _along(self, link: Link) -> dict[str, sql.Composable]:
        return {
            "above": self.rows(link.parent),
            "parent": self.quoted(link.parent),
            "child": self.quoted(link.child),
            "match": v.match(link),
        }

    def _rounds(self, component: tuple[int, ...]) -> sql.Composable:
        """In a circle: all below the rows at hand, or as many as there may be."""
        start = [sql.SQL("{} := {};").format(self.new(oid), self.rows(oid)) for oid in component]
        plus, size_of = sql.SQL(" + "), sql.SQL("pg_catalog.cardinality({})")
        most = plus.join(
            [sql.SQL("maint_bound"), *(size_of.format(self.new(oid)) for oid in component)]
        )
        size = plus.join(size_of.format(self.next_new(oid)) for oid in component)
        ends = [
            _END.format(
                rows=self.rows(oid),
                found=self.next_new(oid),
                cut=self.cut(oid),
                size=size,
                most=most,
            )
            for oid in component
        ]
        return _ROUNDS.format(
            start=v.joined(start),
            found=self.fill_below(component, sql.SQL(" LIMIT {}").format(most)),
            locks=v.joined(self._lock_new(oid) for oid in component),
            ends=v.joined(ends),
        )

    def _lock_new(self, oid: int) -> sql.Composable:
        rest = _KEEP_REST.format(kept=self.kept(oid), locked=v.LOCKED)
        return _LOCK_NEW.format(
            new=v.without(self.next_new(oid), self.rows(oid)),
            rows=self.rows(oid),
            relation=self.quoted(oid),
            skip=self._where_skipped(sql.SQL(" SKIP LOCKED")),
            keep=self._where_skipped(rest),
        )

    def _seed(self, link: Link) -> sql.Composable:
        # With less than all gathered nobody knows which rows go as well; remove.py waits for that.
        mutual = link in self.cascade.mutual
        rows = self.rows(link.parent)
        return _SEED.format(
            rows=rows,
            unless=_UNLESS.format(self.any_cut()) if mutual else _NOTHING,
            parent=self.quoted(link.parent),
            child=self.quoted(link.child),
            match=v.match(link),
            outside=_OUTSIDE.format(self.rows(link.child)) if mutual else _NOTHING,
            kept=self.kept(link.parent),
            blocked=self.blocked_by(link),
        )

    def _drop(self, count: sql.Composable) -> sql.Composable:
        ups = [self._ups(component) for component in reversed(self.cascade.components)]
        return _DROP.format(
            some=self._some(self.cascade.members),
            ups=v.joined(ups),
            kept=self.kept(self.cascade.part),
            count=count,
        )

    def _ups(self, component: tuple[int, ...]) -> sql.Composable:
        """What rows that stay keep, from one component up to those above it."""
        outer = [
            self._up(link)
            for link in self.cascade.cascades
            if link.child in component
            and link.parent not in component
            and link.child not in self.cascade.partitioned  # _leaves says itself what they keep
        ]
        if not self.cascade.inner(component):
            return v.joined(outer)
        start = [self.first(oid, self.kept(oid)) for oid in component]
        keep = [
            sql.SQL("{} := {};").format(self.kept(oid), self.next_new(oid)) for oid in component
        ]
        inner = _UP_CIRCLE.format(
            some=self._some(component),
            above=self.fill_above(component, start),
            keep=v.joined(keep),
        )
        return v.joined([inner, *outer])

    def _up(self, link: Link) -> sql.Composable:
        return _UP.format(
            below=self.kept(link.child),
            kept=self.kept(link.parent),
            rows=self.rows(link.parent),
            child=self.quoted(link.child),
            parent=self.quoted(link.parent),
            match=v.match(link),
        )

    def _some(self, members: Iterable[int]) -> sql.Composable:
        there = sql.SQL("pg_catalog.cardinality({}) > 0")
        return v.either(there.format(self.kept(oid)) for oid in members)
