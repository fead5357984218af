"""PL/pgSQL that finds, and locks, all that goes with the rows in maint_r: level by level.

Each level is a statement of its own, and so sees what was committed before the level above was
locked. Behind that nothing can be added: who refers to a row has to lock it first.
"""

from psycopg import sql

from maintcli.db.links import Link
from maintcli.engines.foreign_keys import partitioned
from maintcli.engines.foreign_keys import variables as v
from maintcli.engines.foreign_keys.graph import Cascade
from maintcli.engines.foreign_keys.rounds import rounds
from maintcli.engines.foreign_keys.take import take
from maintcli.engines.foreign_keys.unlink import unlink

# Rows that others hold locked keep what they refer to: see drop.py.
_ONLY_FREE = sql.SQL("""maint_u := coalesce((SELECT pg_catalog.array_agg(t) FROM (
        SELECT ctid AS t FROM ONLY {child} WHERE ctid = ANY (maint_t) FOR UPDATE SKIP LOCKED
    ) AS few), '{{}}');
    IF pg_catalog.cardinality(maint_u) < pg_catalog.cardinality(maint_t) THEN
        {kept} := pg_catalog.array_cat({kept}, ARRAY(
            SELECT pg_catalog.unnest(maint_t) EXCEPT SELECT pg_catalog.unnest(maint_u)));
        maint_t := maint_u;
    END IF;""")

_FRESH = sql.SQL("ARRAY(SELECT pg_catalog.unnest(maint_t) EXCEPT SELECT pg_catalog.unnest({}))")


def gather(cascade: Cascade, *, skip_locked: bool) -> sql.Composable:
    """Fill the arrays of all members and links; maint_bound is how much of each, NULL all."""
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
    links = [unlink(cascade, link, skip_locked=skip_locked) for link in cascade.unlinks]
    return v.joined([*reset, first, *levels, *links])


def _level(cascade: Cascade, component: tuple[int, ...], *, skip_locked: bool) -> sql.Composable:
    outer = [
        link
        for link in cascade.cascades
        if link.child in component and link.parent not in component
    ]
    lines = [_take(cascade, link, skip_locked=skip_locked) for link in outer]
    if not set(component) <= cascade.cyclic:
        return v.joined(lines)
    return v.joined([*lines, rounds(cascade, component, skip_locked=skip_locked)])


def _take(cascade: Cascade, link: Link, *, skip_locked: bool) -> sql.Composable:
    """Take the rows along one link that no other has brought already."""
    oid = link.child
    if oid in cascade.partitioned:
        return partitioned.take(cascade, link, skip_locked=skip_locked)
    into = v.rows(cascade, oid)
    alone = sum(other.child == oid for other in cascade.cascades) == 1
    free = _ONLY_FREE.format(child=cascade.relations[oid].quoted, kept=v.kept(cascade, oid))
    return take(
        cascade,
        link,
        into=into,
        cut=v.cut(cascade, oid),
        fresh=None if alone else _FRESH.format(into),
        only_free=free if skip_locked else None,
    )
