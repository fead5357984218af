"""PL/pgSQL that finds, and locks, what is below rows in a circle of links."""

from psycopg import sql

from maintcli.engines.foreign_keys import circle
from maintcli.engines.foreign_keys import variables as v
from maintcli.engines.foreign_keys.graph import Cascade

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

_LOCK_NEW = sql.SQL("""maint_t := ARRAY(
        SELECT pg_catalog.unnest({found}) EXCEPT SELECT pg_catalog.unnest({rows}));
    maint_u := coalesce((SELECT pg_catalog.array_agg(t) FROM (
        SELECT ctid AS t FROM ONLY {relation} WHERE ctid = ANY (maint_t) FOR UPDATE{skip}
    ) AS few), '{{}}');
    {keep}
    {rows} := pg_catalog.array_cat({rows}, maint_u);
    maint_k := maint_k + pg_catalog.cardinality(maint_t);""")

_KEEP_REST = sql.SQL("""{kept} := pg_catalog.array_cat({kept}, ARRAY(
        SELECT pg_catalog.unnest(maint_t) EXCEPT SELECT pg_catalog.unnest(maint_u)));
    maint_t := maint_u;""")

_END = sql.SQL("""{rows} := ARRAY(
    SELECT pg_catalog.unnest({rows}) INTERSECT SELECT pg_catalog.unnest({found}));
{cut} := {cut} OR coalesce({size} >= {most}, false);""")

_SIZE = sql.SQL("pg_catalog.cardinality({})")


def rounds(cascade: Cascade, component: tuple[int, ...], *, skip_locked: bool) -> sql.Composable:
    """In a circle: all below the rows at hand, or as many as there may be."""
    start = [
        sql.SQL("{} := {};").format(v.new(cascade, oid), v.rows(cascade, oid)) for oid in component
    ]
    plus = sql.SQL(" + ")
    most = plus.join(
        [sql.SQL("maint_bound"), *(_SIZE.format(v.new(cascade, oid)) for oid in component)]
    )
    size = plus.join(_SIZE.format(v.next_new(cascade, oid)) for oid in component)
    limit = sql.SQL(" LIMIT {}").format(most)
    return _ROUNDS.format(
        start=v.joined(start),
        found=circle.fill_below(cascade, component, limit),
        locks=v.joined(_lock_new(cascade, oid, skip_locked=skip_locked) for oid in component),
        ends=v.joined(
            _END.format(
                rows=v.rows(cascade, oid),
                found=v.next_new(cascade, oid),
                cut=v.cut(cascade, oid),
                size=size,
                most=most,
            )
            for oid in component
        ),
    )


def _lock_new(cascade: Cascade, oid: int, *, skip_locked: bool) -> sql.Composable:
    return _LOCK_NEW.format(
        found=v.next_new(cascade, oid),
        rows=v.rows(cascade, oid),
        relation=cascade.relations[oid].quoted,
        skip=sql.SQL(" SKIP LOCKED") if skip_locked else sql.SQL(""),
        keep=_KEEP_REST.format(kept=v.kept(cascade, oid)) if skip_locked else sql.SQL(""),
    )
