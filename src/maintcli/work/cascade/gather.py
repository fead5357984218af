"""PL/pgSQL that finds, and locks, all that goes with the rows in maint_r: level by level.

Each level is a statement of its own, and so sees what was committed before the level above was
locked. Behind that nothing can be added: who refers to a row has to lock it first.
"""

from psycopg import sql

from maintcli.db.links import Link
from maintcli.work.cascade import circle
from maintcli.work.cascade import variables as v
from maintcli.work.cascade.graph import Cascade

_FOUND = sql.SQL("""coalesce((SELECT array_agg(t) FROM (
    SELECT c.ctid AS t FROM ONLY {parent} AS p JOIN ONLY {child} AS c ON {match}
    WHERE p.ctid = ANY ({above}) LIMIT maint_bound{lock}
) AS few), '{{}}')""")

_LOCK = sql.SQL(" FOR UPDATE OF c")

_TAKE = sql.SQL("""IF {above} <> '{{}}' THEN
    maint_t := {found};
    {cut} := {cut} OR coalesce(cardinality(maint_t) >= maint_bound, false);
    {only_free}
    {into} := {into} || {fresh};
END IF;""")

# Rows that others hold locked keep what they refer to: see drop.py.
_ONLY_FREE = sql.SQL("""maint_u := coalesce((SELECT array_agg(t) FROM (
        SELECT ctid AS t FROM ONLY {child} WHERE ctid = ANY (maint_t) FOR UPDATE SKIP LOCKED
    ) AS few), '{{}}');
    IF cardinality(maint_u) < cardinality(maint_t) THEN
        {kept} := {kept} || ARRAY(SELECT unnest(maint_t) EXCEPT SELECT unnest(maint_u));
        maint_t := maint_u;
    END IF;""")

_FRESH = sql.SQL("ARRAY(SELECT unnest(maint_t) EXCEPT SELECT unnest({}))")

# One look sees a moment before its rows are locked. Once a look finds nothing that is not locked
# there is nothing more to come, and what it did not find any more has gone elsewhere meanwhile.
_ROUNDS = sql.SQL("""{start}
LOOP
    maint_k := 0;
{found}
{locks}
    EXIT WHEN maint_k = 0;
END LOOP;
{ends}""")

_LOCK_NEW = sql.SQL("""maint_t := ARRAY(SELECT unnest({found}) EXCEPT SELECT unnest({rows}));
    maint_u := coalesce((SELECT array_agg(t) FROM (
        SELECT ctid AS t FROM ONLY {relation} WHERE ctid = ANY (maint_t) FOR UPDATE{skip}
    ) AS few), '{{}}');
    {keep}
    {rows} := {rows} || maint_u;
    maint_k := maint_k + cardinality(maint_t);""")

_KEEP_REST = sql.SQL("""{kept} := {kept}
        || ARRAY(SELECT unnest(maint_t) EXCEPT SELECT unnest(maint_u));
    maint_t := maint_u;""")

_END = sql.SQL("""{rows} := ARRAY(SELECT unnest({rows}) INTERSECT SELECT unnest({found}));
{cut} := {cut} OR coalesce(cardinality({rows}) >= maint_bound, false);""")

# The rows of links that go as well are no links; they are deleted.
_WITHOUT = sql.SQL("{links} := ARRAY(SELECT unnest({links}) EXCEPT SELECT unnest({rows}));")


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
    links = [_links(cascade, link, skip_locked=skip_locked) for link in cascade.unlinks]
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
    return v.joined([*lines, _rounds(cascade, component, skip_locked=skip_locked)])


def _take(cascade: Cascade, link: Link, *, skip_locked: bool) -> sql.Composable:
    """Take the rows along one link that no other has brought already."""
    into = v.rows(cascade, link.child)
    alone = sum(other.child == link.child for other in cascade.cascades) == 1
    fresh = sql.SQL("maint_t") if alone else _FRESH.format(into)
    return _fill(
        cascade, link, v.rows(cascade, link.parent), into, fresh=fresh, skip_locked=skip_locked
    )


def _rounds(cascade: Cascade, component: tuple[int, ...], *, skip_locked: bool) -> sql.Composable:
    """In a circle: all below the rows at hand, or as many as there may be."""
    start = [
        sql.SQL("{} := {};").format(v.new(cascade, oid), v.rows(cascade, oid)) for oid in component
    ]
    seeds = sql.SQL(" + ").join(
        sql.SQL("cardinality({})").format(v.new(cascade, oid)) for oid in component
    )
    limit = sql.SQL(" LIMIT maint_bound + {}").format(seeds)
    return _ROUNDS.format(
        start=v.joined(start),
        found=circle.fill_below(cascade, component, limit),
        locks=v.joined(_lock_new(cascade, oid, skip_locked=skip_locked) for oid in component),
        ends=v.joined(
            _END.format(
                rows=v.rows(cascade, oid), found=v.next_new(cascade, oid), cut=v.cut(cascade, oid)
            )
            for oid in component
        ),
    )


def _lock_new(cascade: Cascade, oid: int, *, skip_locked: bool) -> sql.Composable:
    return _LOCK_NEW.format(
        found=v.next_new(cascade, oid),
        rows=v.rows(cascade, oid),
        relation=_of(cascade, oid),
        skip=sql.SQL(" SKIP LOCKED") if skip_locked else sql.SQL(""),
        keep=_KEEP_REST.format(kept=v.kept(cascade, oid)) if skip_locked else sql.SQL(""),
    )


def _links(cascade: Cascade, link: Link, *, skip_locked: bool) -> sql.Composable:
    """The rows that lose a reference, without those that go themselves."""
    into, cut = v.unlinked(cascade, link), v.link_cut(cascade, link)
    above = v.rows(cascade, link.parent)
    # What locks a link keeps the row that it refers to, for want of rows of its own.
    found = _FOUND.format(
        parent=_of(cascade, link.parent),
        child=_of(cascade, link.child),
        match=v.match(link),
        above=above,
        lock=sql.SQL("") if skip_locked else _LOCK,
    )
    only_free = _LINKS_FREE.format(
        parent=_of(cascade, link.parent),
        child=_of(cascade, link.child),
        match=v.match(link),
        kept=v.kept(cascade, link.parent),
        above=above,
    )
    lines: list[sql.Composable] = [
        _TAKE.format(
            above=above,
            found=found,
            cut=cut,
            only_free=only_free if skip_locked else sql.SQL(""),
            into=into,
            fresh=sql.SQL("maint_t"),
        )
    ]
    if link.child in cascade.members:
        lines.append(_WITHOUT.format(links=into, rows=v.rows(cascade, link.child)))
    if link.key.action == "SET DEFAULT":  # the default may refer to the row that goes: all at once
        lines = [
            sql.SQL("maint_p := maint_bound; maint_bound := NULL;"),
            *lines,
            sql.SQL("maint_bound := maint_p;"),
        ]
    return v.joined(lines)


_LINKS_FREE = sql.SQL("""maint_u := coalesce((SELECT array_agg(t) FROM (
        SELECT ctid AS t FROM ONLY {child} WHERE ctid = ANY (maint_t) FOR UPDATE SKIP LOCKED
    ) AS few), '{{}}');
    IF cardinality(maint_u) < cardinality(maint_t) THEN
        {kept} := {kept} || coalesce((SELECT array_agg(DISTINCT p.ctid)
            FROM ONLY {parent} AS p JOIN ONLY {child} AS c ON {match}
            WHERE p.ctid = ANY ({above}) AND c.ctid = ANY (maint_t)
              AND c.ctid <> ALL (maint_u)), '{{}}');
        maint_t := maint_u;
    END IF;""")


def _fill(
    cascade: Cascade,
    link: Link,
    above: sql.Composable,
    into: sql.Composable,
    *,
    fresh: sql.Composable,
    skip_locked: bool,
) -> sql.Composable:
    found = _FOUND.format(
        parent=_of(cascade, link.parent),
        child=_of(cascade, link.child),
        match=v.match(link),
        above=above,
        lock=sql.SQL("") if skip_locked else _LOCK,
    )
    free = _ONLY_FREE.format(child=_of(cascade, link.child), kept=v.kept(cascade, link.child))
    return _TAKE.format(
        above=above,
        found=found,
        cut=v.cut(cascade, link.child),
        only_free=free if skip_locked else sql.SQL(""),
        into=into,
        fresh=fresh,
    )


def _of(cascade: Cascade, oid: int) -> sql.Composable:
    return cascade.relations[oid].quoted
