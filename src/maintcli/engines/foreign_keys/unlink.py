"""PL/pgSQL that finds, and locks, the rows that lose a reference: SET NULL and SET DEFAULT."""

from psycopg import sql

from maintcli.db.links import Link
from maintcli.engines.foreign_keys import variables as v
from maintcli.engines.foreign_keys.graph import Cascade
from maintcli.engines.foreign_keys.take import take

# The rows of links that go as well are no links; they are deleted.
_WITHOUT = sql.SQL(
    "{links} := ARRAY(SELECT pg_catalog.unnest({links}) EXCEPT SELECT pg_catalog.unnest({rows}));"
)

# What locks a link keeps the row that it refers to, for want of rows of its own.
_ONLY_FREE = sql.SQL("""maint_u := coalesce((SELECT pg_catalog.array_agg(t) FROM (
        SELECT ctid AS t FROM ONLY {child} WHERE ctid = ANY (maint_t) FOR UPDATE SKIP LOCKED
    ) AS few), '{{}}');
    IF pg_catalog.cardinality(maint_u) < pg_catalog.cardinality(maint_t) THEN
        {kept} := pg_catalog.array_cat({kept}, (SELECT pg_catalog.array_agg(DISTINCT p.ctid)
            FROM ONLY {parent} AS p JOIN ONLY {child} AS c ON {match}
            WHERE p.ctid = ANY ({above}) AND c.ctid = ANY (maint_t)
              AND c.ctid <> ALL (maint_u)));
        maint_t := maint_u;
    END IF;""")


def unlink(cascade: Cascade, link: Link, *, skip_locked: bool) -> sql.Composable:
    """The rows that lose a reference, without those that go themselves."""
    into = v.unlinked(cascade, link)
    only_free = _ONLY_FREE.format(
        parent=cascade.relations[link.parent].quoted,
        child=cascade.relations[link.child].quoted,
        match=v.match(link),
        kept=v.kept(cascade, link.parent),
        above=v.rows(cascade, link.parent),
    )
    lines: list[sql.Composable] = [
        take(
            cascade,
            link,
            into=into,
            cut=v.link_cut(cascade, link),
            only_free=only_free if skip_locked else None,
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
