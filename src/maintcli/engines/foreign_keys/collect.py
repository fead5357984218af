"""PL/pgSQL that collects, and locks, all that goes with the rows in maint_r: level by level.

Each level is a statement of its own, and so sees what was committed before the level above was
locked. Behind that nothing can be added: who refers to a row has to lock it first. Roots above rows
that cannot go, because they are locked or referred to, are left out: a root goes with all that is
below it, or stays with all of it.
"""

from collections.abc import Iterable

from psycopg import sql

from maintcli.db.catalog.links import Link
from maintcli.engines.foreign_keys import circle
from maintcli.engines.foreign_keys import variables as v
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


def gather(cascade: Cascade, *, skip_locked: bool) -> sql.Composable:
    """Fill the arrays of all members and links; maint_bound is how much of each, NULL all.

    With `skip_locked` no row is waited for: what others hold locked keeps what it refers to.
    """
    reset = [
        sql.SQL("{} := '{{}}'; {} := '{{}}'; {} := false;").format(
            v.rows(cascade, oid), v.kept(cascade, oid), v.cut(cascade, oid)
        )
        for oid in cascade.members
    ]
    reset += [
        sql.SQL("{} := '{{}}'; {} := false;").format(
            v.unlinked(cascade, link), v.link_cut(cascade, link)
        )
        for link in cascade.unlinks
    ]
    first = sql.SQL("{} := maint_r;").format(v.rows(cascade, cascade.part))
    levels = [_level(cascade, one, skip_locked=skip_locked) for one in cascade.components]
    links = [_unlinked(cascade, link, skip_locked=skip_locked) for link in cascade.unlinks]
    return v.joined([*reset, first, *levels, *links])


def drop_locked(cascade: Cascade) -> sql.Composable:
    """Leave out the roots above rows that others hold locked, and look again at the rest."""
    return _drop(cascade, sql.SQL("maint_locked"))


def drop_blocked(cascade: Cascade) -> sql.Composable:
    """Leave out the roots above rows that a RESTRICT or NO ACTION key refers to."""
    if not cascade.blockers:
        return _NOTHING
    seeds = [_seed(cascade, link) for link in cascade.blockers]
    return v.joined([*seeds, _drop(cascade, sql.SQL("maint_blocked"))])


def _level(cascade: Cascade, component: tuple[int, ...], *, skip_locked: bool) -> sql.Composable:
    lines = [
        _member(cascade, link, skip_locked=skip_locked)
        for link in cascade.cascades
        if link.child in component and link.parent not in component
    ]
    if set(component) <= cascade.cyclic:
        lines.append(_rounds(cascade, component, skip_locked=skip_locked))
    return v.joined(lines)


def _member(cascade: Cascade, link: Link, *, skip_locked: bool) -> sql.Composable:
    """The rows that go along one link, and that no other link has brought already."""
    oid = link.child
    if oid in cascade.partitioned:
        return _leaves(cascade, link, skip_locked=skip_locked)
    rows, new = v.rows(cascade, oid), sql.SQL("maint_t")
    alone = sum(other.child == oid for other in cascade.cascades) == 1
    return _TAKE.format(
        **_along(cascade, link),
        cut=v.cut(cascade, oid),
        lock=_NOTHING if skip_locked else _LOCK,
        only_free=_ONLY_FREE.format(
            child=cascade.relations[oid].quoted, kept=v.kept(cascade, oid), locked=v.LOCKED
        )
        if skip_locked
        else _NOTHING,
        into=rows,
        fresh=new if alone else v.without(new, rows),
    )


def _unlinked(cascade: Cascade, link: Link, *, skip_locked: bool) -> sql.Composable:
    """The rows that lose a reference (SET NULL, SET DEFAULT), without those that go themselves."""
    into, along = v.unlinked(cascade, link), _along(cascade, link)
    free = _ONLY_FREE.format(
        child=along["child"],
        kept=v.kept(cascade, link.parent),
        locked=_PARENTS_OF_LOCKED.format(**along),
    )
    lines: list[sql.Composable] = [
        _TAKE.format(
            **along,
            cut=v.link_cut(cascade, link),
            lock=_NOTHING if skip_locked else _LOCK,
            only_free=free if skip_locked else _NOTHING,
            into=into,
            fresh=sql.SQL("maint_t"),
        )
    ]
    if link.child in cascade.members:
        lines.append(v.take_out(into, v.rows(cascade, link.child)))
    if link.key.action == "SET DEFAULT":  # the default may refer to the row that goes: all at once
        before = sql.SQL("maint_p := maint_bound; maint_bound := NULL;")
        return v.joined([before, *lines, sql.SQL("maint_bound := maint_p;")])
    return v.joined(lines)


def _leaves(cascade: Cascade, link: Link, *, skip_locked: bool) -> sql.Composable:
    """The rows of all leaves of a partitioned table, in one statement, and their leaves."""
    oid = link.child
    holes = _along(cascade, link) | {
        "rows": v.rows(cascade, oid),
        "leaves": v.leaves(cascade, oid),
    }
    free = _ONLY_FREE_LEAVES.format(
        each=v.each_leaf(cascade, oid), kept=v.kept(cascade, link.parent), **holes
    )
    return _TAKE_LEAVES.format(
        cut=v.cut(cascade, oid),
        lock=_NOTHING if skip_locked else _LOCK,
        only_free=free if skip_locked else _NOTHING,
        **holes,
    )


def _along(cascade: Cascade, link: Link) -> dict[str, sql.Composable]:
    return {
        "above": v.rows(cascade, link.parent),
        "parent": cascade.relations[link.parent].quoted,
        "child": cascade.relations[link.child].quoted,
        "match": v.match(link),
    }


def _rounds(cascade: Cascade, component: tuple[int, ...], *, skip_locked: bool) -> sql.Composable:
    """In a circle: all below the rows at hand, or as many as there may be."""
    start = [
        sql.SQL("{} := {};").format(v.new(cascade, oid), v.rows(cascade, oid)) for oid in component
    ]
    plus, size_of = sql.SQL(" + "), sql.SQL("pg_catalog.cardinality({})")
    most = plus.join(
        [sql.SQL("maint_bound"), *(size_of.format(v.new(cascade, oid)) for oid in component)]
    )
    size = plus.join(size_of.format(v.next_new(cascade, oid)) for oid in component)
    ends = [
        _END.format(
            rows=v.rows(cascade, oid),
            found=v.next_new(cascade, oid),
            cut=v.cut(cascade, oid),
            size=size,
            most=most,
        )
        for oid in component
    ]
    return _ROUNDS.format(
        start=v.joined(start),
        found=circle.fill_below(cascade, component, sql.SQL(" LIMIT {}").format(most)),
        locks=v.joined(_lock_new(cascade, oid, skip_locked=skip_locked) for oid in component),
        ends=v.joined(ends),
    )


def _lock_new(cascade: Cascade, oid: int, *, skip_locked: bool) -> sql.Composable:
    rest = _KEEP_REST.format(kept=v.kept(cascade, oid), locked=v.LOCKED)
    return _LOCK_NEW.format(
        new=v.without(v.next_new(cascade, oid), v.rows(cascade, oid)),
        rows=v.rows(cascade, oid),
        relation=cascade.relations[oid].quoted,
        skip=sql.SQL(" SKIP LOCKED") if skip_locked else _NOTHING,
        keep=rest if skip_locked else _NOTHING,
    )


def _seed(cascade: Cascade, link: Link) -> sql.Composable:
    # With less than all gathered nobody knows which rows go as well; remove.py waits for that.
    mutual = link in cascade.mutual
    rows = v.rows(cascade, link.parent)
    return _SEED.format(
        rows=rows,
        unless=_UNLESS.format(v.any_cut(cascade)) if mutual else _NOTHING,
        parent=cascade.relations[link.parent].quoted,
        child=cascade.relations[link.child].quoted,
        match=v.match(link),
        outside=_OUTSIDE.format(v.rows(cascade, link.child)) if mutual else _NOTHING,
        kept=v.kept(cascade, link.parent),
        blocked=v.blocked_by(cascade, link),
    )


def _drop(cascade: Cascade, count: sql.Composable) -> sql.Composable:
    ups = [_ups(cascade, component) for component in reversed(cascade.components)]
    return _DROP.format(
        some=_some(cascade, cascade.members),
        ups=v.joined(ups),
        kept=v.kept(cascade, cascade.part),
        count=count,
    )


def _ups(cascade: Cascade, component: tuple[int, ...]) -> sql.Composable:
    """What rows that stay keep, from one component up to those above it."""
    outer = [
        _up(cascade, link)
        for link in cascade.cascades
        if link.child in component
        and link.parent not in component
        and link.child not in cascade.partitioned  # _leaves says itself what they keep
    ]
    if not circle.inner(cascade, component):
        return v.joined(outer)
    start = [circle.first(cascade, oid, v.kept(cascade, oid)) for oid in component]
    keep = [
        sql.SQL("{} := {};").format(v.kept(cascade, oid), v.next_new(cascade, oid))
        for oid in component
    ]
    inner = _UP_CIRCLE.format(
        some=_some(cascade, component),
        above=circle.fill_above(cascade, component, start),
        keep=v.joined(keep),
    )
    return v.joined([inner, *outer])


def _up(cascade: Cascade, link: Link) -> sql.Composable:
    return _UP.format(
        below=v.kept(cascade, link.child),
        kept=v.kept(cascade, link.parent),
        rows=v.rows(cascade, link.parent),
        child=cascade.relations[link.child].quoted,
        parent=cascade.relations[link.parent].quoted,
        match=v.match(link),
    )


def _some(cascade: Cascade, members: Iterable[int]) -> sql.Composable:
    there = sql.SQL("pg_catalog.cardinality({}) > 0")
    return v.either(there.format(v.kept(cascade, oid)) for oid in members)
