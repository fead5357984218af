"""PL/pgSQL that leaves roots alone whose rows below cannot go: locked by others, or referred to.

A row that must stay keeps the row that it refers to, and so on up to the root: a root goes with
all that is below it, or stays with all of it.
"""

from collections.abc import Iterable

from psycopg import sql

from maintcli.db.links import Link
from maintcli.engines.foreign_keys import circle
from maintcli.engines.foreign_keys import variables as v
from maintcli.engines.foreign_keys.graph import Cascade

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

_CIRCLE = sql.SQL("""IF {some} THEN
{above}
{keep}
END IF;""")

_KEEP = sql.SQL("{kept} := {above};")

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


def drop_locked(cascade: Cascade) -> sql.Composable:
    """Leave out the roots above rows that others hold locked, and look again at the rest."""
    return _drop(cascade, sql.SQL("maint_locked"))


def drop_blocked(cascade: Cascade) -> sql.Composable:
    """Leave out the roots above rows that a RESTRICT or NO ACTION key refers to."""
    if not cascade.blockers:
        return sql.SQL("")
    seeds = [_seed(cascade, link) for link in cascade.blockers]
    return v.joined([*seeds, _drop(cascade, sql.SQL("maint_blocked"))])


def _seed(cascade: Cascade, link: Link) -> sql.Composable:
    # With less than all gathered nobody knows which rows go as well; remove.py waits for that.
    mutual = link in cascade.mutual
    rows = v.rows(cascade, link.parent)
    return _SEED.format(
        rows=rows,
        unless=_UNLESS.format(v.any_cut(cascade)) if mutual else sql.SQL(""),
        parent=cascade.relations[link.parent].quoted,
        child=cascade.relations[link.child].quoted,
        match=v.match(link),
        outside=_OUTSIDE.format(v.rows(cascade, link.child)) if mutual else sql.SQL(""),
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
    outer = [
        _up(cascade, link)
        for link in cascade.cascades
        if link.child in component
        and link.parent not in component
        and link.child not in cascade.partitioned  # partitioned.py says itself what they keep
    ]
    if not circle.inner(cascade, component):
        return v.joined(outer)
    start = [circle.first(cascade, oid, v.kept(cascade, oid)) for oid in component]
    keep = [_KEEP.format(kept=v.kept(cascade, o), above=v.next_new(cascade, o)) for o in component]
    inner = _CIRCLE.format(
        some=_some(cascade, component),
        above=circle.fill_above(cascade, component, start),
        keep=v.joined(keep),
    )
    return v.joined([inner, *outer])


def _some(cascade: Cascade, members: Iterable[int]) -> sql.Composable:
    there = sql.SQL("pg_catalog.cardinality({}) > 0")
    return v.either(there.format(v.kept(cascade, oid)) for oid in members)


def _up(cascade: Cascade, link: Link) -> sql.Composable:
    return _UP.format(
        below=v.kept(cascade, link.child),
        kept=v.kept(cascade, link.parent),
        rows=v.rows(cascade, link.parent),
        child=cascade.relations[link.child].quoted,
        parent=cascade.relations[link.parent].quoted,
        match=v.match(link),
    )
