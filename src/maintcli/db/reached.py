"""Looking up the foreign keys that refer to a table, and to the tables behind them."""

from collections.abc import Sequence
from typing import Any

from psycopg import sql

from maintcli.db.links import ForeignKey, Link, Links, Relation
from maintcli.db.tables import Reader

MOST_LINKS = 2_000  # what a batch can name; more than that is no schema, or thousands of partitions

ACTIONS = {
    "a": "NO ACTION",
    "r": "RESTRICT",
    "c": "CASCADE",
    "n": "SET NULL",
    "d": "SET DEFAULT",
}


# From each relation to those that refer to it, on and on along ON DELETE CASCADE. The clone that
# PostgreSQL keeps of a constraint for each partition has a parent, and is left out; a key of the
# catalog that this server's version does not have is read as JSON.
_REACHED = """
WITH RECURSIVE reached(oid) AS (
    SELECT unnest(%(oids)s::oid[])
    UNION
    SELECT leaf.oid FROM reached r
    CROSS JOIN LATERAL (
        SELECT r.oid UNION SELECT relid FROM pg_catalog.pg_partition_ancestors(r.oid)
    ) AS target(oid)
    JOIN pg_catalog.pg_constraint k
      ON k.contype = 'f' AND k.conparentid = 0 AND k.confdeltype = 'c' AND k.confrelid = target.oid
     AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true)
    CROSS JOIN LATERAL (
        SELECT relid FROM pg_catalog.pg_partition_tree(k.conrelid) WHERE isleaf
        UNION SELECT oid FROM pg_catalog.pg_class WHERE oid = k.conrelid AND relkind = 'r'
    ) AS leaf(oid)
)"""

_LINKS = (
    _REACHED
    + """
SELECT k.oid::bigint, k.conname::text, n.nspname::text, c.relname::text, c.relkind = 'p',
       k.confdeltype::text,
       (SELECT array_agg(a.attname::text ORDER BY u.place)
        FROM unnest(k.conkey) WITH ORDINALITY u(number, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number),
       (SELECT array_agg(a.attname::text ORDER BY u.place)
        FROM unnest(k.confkey) WITH ORDINALITY u(number, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number),
       (SELECT json_agg(json_build_array(s.nspname, o.oprname) ORDER BY u.place)
        FROM unnest(k.conpfeqop) WITH ORDINALITY u(number, place)
        JOIN pg_catalog.pg_operator o ON o.oid = u.number
        JOIN pg_catalog.pg_namespace s ON s.oid = o.oprnamespace),
       (SELECT array_agg(a.attname::text ORDER BY a.attnum)
        FROM jsonb_array_elements_text(
            coalesce(nullif(to_jsonb(k) -> 'confdelsetcols', 'null'), '[]')) u(number)
        JOIN pg_catalog.pg_attribute a
          ON a.attrelid = k.conrelid AND a.attnum = u.number::smallint),
       CASE WHEN k.confdeltype IN ('a', 'r')
             AND NOT coalesce((to_jsonb(k) ->> 'conperiod')::boolean, false)
            THEN pg_get_constraintdef(k.oid) END,
       k.conrelid::bigint, r.oid::bigint, leaf.oid::bigint
FROM reached r
CROSS JOIN LATERAL (
    SELECT r.oid UNION SELECT relid FROM pg_catalog.pg_partition_ancestors(r.oid)
) AS target(oid)
JOIN pg_catalog.pg_constraint k
  ON k.contype = 'f' AND k.conparentid = 0 AND k.confrelid = target.oid
 AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true)
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT relid FROM pg_catalog.pg_partition_tree(k.conrelid) WHERE isleaf
    UNION SELECT oid FROM pg_catalog.pg_class WHERE oid = k.conrelid AND relkind = 'r'
) AS leaf(oid)
ORDER BY n.nspname, c.relname, k.conname, r.oid, leaf.oid
LIMIT %(most)s"""
)

_RELATIONS = """
SELECT c.oid::bigint, n.nspname::text, c.relname::text,
       tn.nspname::text, t.relname::text,
       c.reltuples::float8,
       has_table_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'DELETE'),
       has_any_column_privilege(c.oid, 'UPDATE'), row_security_active(c.oid),
       ARRAY(SELECT t.tgname::text FROM pg_catalog.pg_trigger t
             WHERE t.tgrelid = c.oid AND t.tgenabled <> 'D' AND t.tgtype & 8 <> 0
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint z
                               WHERE z.oid = t.tgconstraint AND z.contype <> 't')
             UNION ALL
             SELECT r.rulename || ' (rule)' FROM pg_catalog.pg_rewrite r
             WHERE r.ev_class = c.oid AND r.ev_enabled <> 'D' AND r.ev_type = '4'
             ORDER BY 1),
       ARRAY(SELECT t.tgname::text FROM pg_catalog.pg_trigger t
             WHERE t.tgrelid = c.oid AND t.tgenabled <> 'D' AND t.tgtype & 16 <> 0
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint z
                               WHERE z.oid = t.tgconstraint AND z.contype <> 't')
             UNION ALL
             SELECT r.rulename || ' (rule)' FROM pg_catalog.pg_rewrite r
             WHERE r.ev_class = c.oid AND r.ev_enabled <> 'D' AND r.ev_type = '2'
             ORDER BY 1),
       (SELECT json_agg(json_build_array(
                   (SELECT json_agg(a.attname ORDER BY u.place)
                    FROM unnest(x.indkey::int2[]) WITH ORDINALITY u(number, place)
                    JOIN pg_catalog.pg_attribute a
                      ON a.attrelid = c.oid AND a.attnum = u.number
                    WHERE u.place <= x.indnkeyatts),
                   pg_get_expr(x.indpred, x.indrelid)))
        FROM pg_catalog.pg_index x
        JOIN pg_catalog.pg_class xc ON xc.oid = x.indexrelid
        JOIN pg_catalog.pg_am xa ON xa.oid = xc.relam AND xa.amname IN ('btree', 'hash')
        WHERE x.indrelid = c.oid AND x.indisvalid AND NOT 0 = ANY (x.indkey::int2[]))
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class t ON t.oid = coalesce(pg_catalog.pg_partition_root(c.oid), c.oid)
JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
WHERE c.oid = ANY (%s::oid[])
"""


def find(reader: Reader, oids: Sequence[int]) -> Links | None:
    """What a DELETE from the relations `oids` can reach; None where that is too much to follow."""
    rows = reader.read(_LINKS, {"oids": list(oids), "most": MOST_LINKS + 1})
    if len(rows) > MOST_LINKS:
        return None
    concerned = {*oids, *(oid for *_, parent, child in rows for oid in (parent, child))}
    roots = {table for *_, table, _, child in rows if table != child} - concerned
    described: dict[int, Relation] = {}
    indexes: dict[int, list[tuple[list[str], str | None]]] = {}
    for row in reader.read(_RELATIONS, [sorted(concerned | roots)]):
        *facts, deletes, updates, found = row
        partitioned = facts[0] in roots
        one = Relation._make([*facts, tuple(deletes), tuple(updates), partitioned])
        described[one.oid] = one
        indexes[one.oid] = found or []
    return Links(
        {oid: one for oid, one in described.items() if oid not in roots},
        tuple(_link(row, indexes) for row in rows),
        {oid: one for oid, one in described.items() if oid in roots},
    )


def _link(row: tuple[Any, ...], indexes: dict[int, list[tuple[list[str], str | None]]]) -> Link:
    oid, name, schema, table, partitioned, action, columns, to, operators, sets, *rest = row
    definition, relation, parent, child = rest
    key = ForeignKey(
        oid=oid,
        name=name,
        schema=schema,
        table=table,
        partitioned=partitioned,
        action=ACTIONS[action],
        columns=tuple(columns),
        parent_columns=tuple(to),
        operators=tuple((space, operator) for space, operator in operators),
        set_columns=tuple(sets or columns),
        definition=definition,
        relation=relation,
    )
    indexed = any(_serves(key.columns, *index) for index in indexes.get(child, []))
    return Link(key, parent, child, indexed)


def _serves(columns: tuple[str, ...], indexed: Sequence[str], where: str | None) -> bool:
    """Whether an index finds rows by all of `columns`; one WHERE column IS NOT NULL does, too."""
    if set(indexed[: len(columns)]) != set(columns):
        return False
    plain = [sql.Identifier(name).as_string() for name in columns] + list(columns)
    return where is None or where in {f"({name} IS NOT NULL)" for name in plain}
