"""PL/pgSQL that takes the rows which refer to others along one link, and locks them."""

from psycopg import sql

from maintcli.db.links import Link
from maintcli.engines.foreign_keys import variables as v
from maintcli.engines.foreign_keys.graph import Cascade

_FOUND = sql.SQL("""coalesce((SELECT pg_catalog.array_agg(t) FROM (
    SELECT c.ctid AS t FROM ONLY {parent} AS p JOIN ONLY {child} AS c ON {match}
    WHERE p.ctid = ANY ({above}) LIMIT maint_bound{lock}
) AS few), '{{}}')""")

_LOCK = sql.SQL(" FOR UPDATE OF c")

_TAKE = sql.SQL("""IF pg_catalog.cardinality({above}) > 0 THEN
    maint_t := {found};
    {cut} := {cut} OR coalesce(pg_catalog.cardinality(maint_t) >= maint_bound, false);
    {only_free}
    {into} := pg_catalog.array_cat({into}, {fresh});
END IF;""")


def take(
    cascade: Cascade,
    link: Link,
    *,
    into: sql.Composable,
    cut: sql.Composable,
    fresh: sql.Composable | None = None,
    only_free: sql.Composable | None = None,
) -> sql.Composable:
    """Add to `into` the rows that refer to those of the link's parent, at most maint_bound.

    `cut` is set where there may be more. `fresh` are those of maint_t that count, if not all. With
    `only_free` none is waited for: it takes those that others hold locked out of maint_t.
    """
    above = v.rows(cascade, link.parent)
    found = _FOUND.format(
        parent=cascade.relations[link.parent].quoted,
        child=cascade.relations[link.child].quoted,
        match=v.match(link),
        above=above,
        lock=_LOCK if only_free is None else sql.SQL(""),
    )
    return _TAKE.format(
        above=above,
        found=found,
        cut=cut,
        only_free=only_free or sql.SQL(""),
        into=into,
        fresh=fresh or sql.SQL("maint_t"),
    )
