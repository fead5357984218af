"""A table's partitions by range, as the catalog describes them.

Bounds are compared by PostgreSQL, in the column's own type: here they are text and stay text.
"""

from typing import Any, LiteralString, NamedTuple, Protocol

from psycopg import sql

from maintcli.db.catalog import tables
from maintcli.db.catalog.relations import TRIGGERS
from maintcli.db.catalog.tables import Column, Table


class Reader(tables.Reader, Protocol):
    """One that also runs a query with identifiers put in."""

    def read_composed(
        self, query: sql.Composable, params: Any = None, *, ours: bool = False
    ) -> list[tuple[Any, ...]]:
        """Return the rows."""
        ...


class Scheme(NamedTuple):
    """How a table is partitioned: by range on its age column alone.

    `owned`: our role may change it. `stuck` is a partition whose detaching began and never ended.
    """

    owned: bool
    has_default: bool
    stuck: str | None


class Partition(NamedTuple):
    """A partition of the first level; `tree` are the relations in it, itself among them.

    `expired`: its upper bound lies at or below the cutoff. The last five are reasons not to drop
    it: others' foreign keys, something that PostgreSQL does not drop it under (a view, a function),
    triggers and rules for rows that are deleted, a publication that sends them, and another owner.
    """

    oid: int
    schema: str
    table: str
    kind: str
    is_default: bool
    expired: bool
    tree: frozenset[int]
    bytes: int
    comment: str | None
    referenced: bool
    needed: bool
    triggered: bool
    published: bool
    owned: bool

    @property
    def quoted(self) -> sql.Composable:
        """The partition's name, quoted for a statement."""
        return sql.Identifier(self.schema, self.table)

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"


# An operator class other than the type's own may sort the other way round.
_SCHEME: LiteralString = """
SELECT p.partstrat = 'r' AND p.partnatts = 1 AND p.partattrs[0] = a.attnum AND o.opcdefault,
       pg_has_role(c.relowner, 'USAGE'), p.partdefid <> 0,
       (SELECT format('%%I.%%I', n.nspname, d.relname)
        FROM pg_catalog.pg_inherits i
        JOIN pg_catalog.pg_class d ON d.oid = i.inhrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = d.relnamespace
        WHERE i.inhparent = c.oid AND i.inhdetachpending)
FROM pg_catalog.pg_partitioned_table p
JOIN pg_catalog.pg_class c ON c.oid = p.partrelid
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = %(column)s
JOIN pg_catalog.pg_opclass o ON o.oid = p.partclass[0]
WHERE p.partrelid = %(oid)s
"""

# A trigger for DELETE is 8, one for TRUNCATE 32.
_PARTITIONS = sql.SQL(
    """
WITH published AS MATERIALIZED (
    SELECT t.schemaname, t.tablename
    FROM pg_catalog.pg_publication p
    JOIN pg_catalog.pg_publication_tables t ON t.pubname = p.pubname WHERE p.pubdelete
), above AS (
    SELECT array_agg(relid::oid) AS oids FROM pg_partition_ancestors({root})
)
SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, bound.text = 'DEFAULT',
       CASE WHEN edge.upper IN ('MINVALUE', 'MAXVALUE') OR edge.upper IS NULL THEN false
            ELSE btrim(edge.upper, '''')::{type} <= {cutoff} END,
       tree.oids,
       (SELECT sum(pg_total_relation_size(r)) FROM unnest(tree.oids) AS r)::bigint,
       obj_description(c.oid, 'pg_class'),
       EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.contype = 'f'
               AND k.confrelid = ANY (above.oids || tree.oids)),
       EXISTS (SELECT FROM pg_catalog.pg_depend d
               WHERE d.deptype = 'n' AND (d.refclassid, d.refobjid) IN (
                   SELECT 'pg_catalog.pg_class'::regclass, unnest(tree.oids)
                   UNION ALL
                   SELECT 'pg_catalog.pg_type'::regclass, unnest(ARRAY[y.oid, y.typarray])
                   FROM pg_catalog.pg_type y WHERE y.typrelid = ANY (tree.oids)
                   UNION ALL
                   SELECT 'pg_catalog.pg_class'::regclass, s.objid
                   FROM pg_catalog.pg_depend s JOIN pg_catalog.pg_class q ON q.oid = s.objid
                   WHERE s.classid = 'pg_catalog.pg_class'::regclass AND q.relkind = 'S'
                   AND s.refclassid = 'pg_catalog.pg_class'::regclass
                   AND s.refobjid = ANY (tree.oids))
               AND coalesce(CASE d.classid
                   WHEN 'pg_catalog.pg_rewrite'::regclass THEN
                       (SELECT ev_class FROM pg_catalog.pg_rewrite WHERE oid = d.objid)
                   WHEN 'pg_catalog.pg_policy'::regclass THEN
                       (SELECT polrelid FROM pg_catalog.pg_policy WHERE oid = d.objid)
                   WHEN 'pg_catalog.pg_attrdef'::regclass THEN
                       (SELECT adrelid FROM pg_catalog.pg_attrdef WHERE oid = d.objid)
                   WHEN 'pg_catalog.pg_constraint'::regclass THEN
                       (SELECT conrelid FROM pg_catalog.pg_constraint WHERE oid = d.objid)
                   WHEN 'pg_catalog.pg_trigger'::regclass THEN
                       (SELECT tgrelid FROM pg_catalog.pg_trigger WHERE oid = d.objid)
                   WHEN 'pg_catalog.pg_publication_rel'::regclass THEN
                       (SELECT prrelid FROM pg_catalog.pg_publication_rel WHERE oid = d.objid)
                   WHEN 'pg_catalog.pg_class'::regclass THEN d.objid
                   END, 0) <> ALL (tree.oids)),
       EXISTS (SELECT FROM """
    + TRIGGERS
    + """ t WHERE t.enabled <> 'D' AND t.type & 40 <> 0
               AND (t.relation = ANY (tree.oids)
                    OR NOT t.is_rule AND t.relation = ANY (above.oids))),
       EXISTS (SELECT FROM published p
               JOIN pg_catalog.pg_namespace pn ON pn.nspname = p.schemaname
               JOIN pg_catalog.pg_class pc ON pc.relnamespace = pn.oid AND pc.relname = p.tablename
               WHERE pc.oid = ANY (above.oids || tree.oids)),
       pg_has_role(c.relowner, 'USAGE')
FROM pg_catalog.pg_inherits i
JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (SELECT pg_get_expr(c.relpartbound, c.oid) AS text) AS bound
CROSS JOIN LATERAL (SELECT substring(bound.text FROM ' TO \\(([^()]*)\\)$') AS upper) AS edge
CROSS JOIN LATERAL (SELECT array_agg(t.relid::oid) AS oids
                    FROM pg_partition_tree(c.oid) AS t) AS tree
CROSS JOIN above
WHERE i.inhparent = {root} AND NOT i.inhdetachpending
ORDER BY CASE WHEN edge.upper IN ('MINVALUE', 'MAXVALUE') OR edge.upper IS NULL THEN NULL
              ELSE btrim(edge.upper, '''')::{type} END NULLS LAST
"""
)


def scheme(reader: Reader, table: Table, column: Column) -> Scheme | None:
    """How `table` is partitioned; None unless it is by range on `column`, and on nothing else."""
    rows = reader.read(_SCHEME, {"oid": table.oid, "column": column.name})
    if not rows or not rows[0][0]:
        return None
    return Scheme(*rows[0][1:])


def partitions(
    reader: Reader, table: Table, column: Column, cutoff: sql.Composable
) -> list[Partition]:
    """The partitions of the first level, oldest first; the default one is the last."""
    kind = sql.SQL(column.type)  # pyright: ignore[reportArgumentType]  from the catalog
    query = _PARTITIONS.format(type=kind, cutoff=cutoff, root=table.oid)
    return [_partition(row) for row in reader.read_composed(query, ours=True)]


def _partition(row: tuple[Any, ...]) -> Partition:
    oid, schema, table, kind, is_default, expired, tree, size, comment, *reasons = row
    return Partition(
        oid, schema, table, kind, is_default, expired, frozenset(tree), size, comment, *reasons
    )
