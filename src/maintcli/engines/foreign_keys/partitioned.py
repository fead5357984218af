"""Leaf partitions below, taken through the partitioned table that refers.

A statement for each of 730 leaves takes seconds to plan, in every batch. PostgreSQL's own cascade
names the partitioned table, and so does one statement here: it finds all rows, and their leaves.
What is done to rows by their place is done leaf by leaf, and only in leaves that have any.
"""

from collections import defaultdict

from psycopg import sql

from maintcli.db.links import Link, Links
from maintcli.engines.foreign_keys import variables as v
from maintcli.engines.foreign_keys.graph import Cascade

_TAKE = sql.SQL("""IF pg_catalog.cardinality({above}) > 0 THEN
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

_LOCK = sql.SQL(" FOR UPDATE OF c")

# A row that others hold locked may have moved just now: then all stay that it may refer to.
_ONLY_FREE = sql.SQL("""maint_free := '{{}}'; maint_free_leaves := '{{}}';
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

_EACH = sql.SQL("""FOR maint_leaf, maint_t IN
        SELECT found.leaf, pg_catalog.array_agg(found.place)
        FROM ROWS FROM (pg_catalog.unnest({leaves}), pg_catalog.unnest({rows}))
            AS found (leaf, place) GROUP BY found.leaf
    LOOP""")

_RECOUNT = sql.SQL("""IF pg_catalog.cardinality({rows}) > 0 THEN
    {each}
        EXECUTE pg_catalog.format(
            'SELECT pg_catalog.cardinality($1) - count(*) FROM ONLY %1$s WHERE ctid = ANY (ARRAY('
            'SELECT pg_catalog.currtid2(%1$L, place) FROM pg_catalog.unnest($1) AS place))',
            maint_leaf::regclass) INTO maint_k USING maint_t;
        {counter} := {counter} + maint_k;
        maint_gone := maint_gone + maint_k;
    END LOOP;
END IF;""")

_DELETE = sql.SQL("""IF pg_catalog.cardinality({rows}) > 0 THEN
    {each}
        EXECUTE pg_catalog.format(
            'DELETE FROM ONLY %s WHERE ctid = ANY ($1)', maint_leaf::regclass) USING maint_t;
    END LOOP;
END IF;""")


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
        triggers = {name for leaf in leaves for name in relations[leaf].delete_triggers}
        relations[table] = root._replace(delete_triggers=tuple(sorted(triggers)))
        taken |= {link: link._replace(child=table) for link in links}
    found = dict.fromkeys(taken.get(link, link) for link in every)
    return Cascade(cascade.part, Links(relations, tuple(found), cascade.roots))


def take(cascade: Cascade, link: Link, *, skip_locked: bool) -> sql.Composable:
    """PL/pgSQL that takes the rows that refer to those of the parent, and locks them.

    With `skip_locked` none is waited for: what others hold locked keeps what it refers to.
    """
    oid, above = link.child, v.rows(cascade, link.parent)
    holes = {
        "above": above,
        "rows": v.rows(cascade, oid),
        "leaves": v.leaves(cascade, oid),
        "parent": cascade.relations[link.parent].quoted,
        "child": cascade.relations[oid].quoted,
        "match": v.match(link),
    }
    free = _ONLY_FREE.format(each=_each(cascade, oid), kept=v.kept(cascade, link.parent), **holes)
    return _TAKE.format(
        cut=v.cut(cascade, oid),
        lock=sql.SQL("") if skip_locked else _LOCK,
        only_free=free if skip_locked else sql.SQL(""),
        **holes,
    )


def recount(cascade: Cascade, oid: int, counter: sql.Composable) -> sql.Composable:
    """PL/pgSQL that adds to `counter`, and to maint_gone, the rows that are no longer there."""
    return _RECOUNT.format(rows=v.rows(cascade, oid), each=_each(cascade, oid), counter=counter)


def delete(cascade: Cascade, oid: int) -> sql.Composable:
    """PL/pgSQL that deletes the rows at hand."""
    return _DELETE.format(rows=v.rows(cascade, oid), each=_each(cascade, oid))


def _each(cascade: Cascade, oid: int) -> sql.Composable:
    return _EACH.format(leaves=v.leaves(cascade, oid), rows=v.rows(cascade, oid))
