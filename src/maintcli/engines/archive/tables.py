"""The tables that a sweep can reach: as they are, and parents before children.

A restore compares them with the tables of its own day.
"""

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

from psycopg import sql

from maintcli.runtime.session import Session

# Along foreign keys from the referenced table to those that refer to it, and to every partition.
_REACHED = sql.SQL("""
WITH RECURSIVE reached(oid) AS (
    SELECT unnest(%(oids)s::oid[])
    UNION
    SELECT next.oid FROM reached r CROSS JOIN LATERAL (
        SELECT conrelid AS oid FROM pg_catalog.pg_constraint
        WHERE contype = 'f' AND confrelid = r.oid
        UNION ALL
        SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = r.oid
        UNION ALL
        SELECT inhparent FROM pg_catalog.pg_inherits WHERE inhrelid = r.oid
    ) next
)
SELECT oid FROM reached""")

_TABLES = sql.SQL("""
SELECT c.oid, n.nspname::text, c.relname::text,
       (SELECT json_agg(json_build_array(
            a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull,
            a.attgenerated, a.attidentity, pg_catalog.pg_get_expr(d.adbin, d.adrelid))
            ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute a
        LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
       (SELECT json_agg(a.attname ORDER BY k.place)
        FROM pg_catalog.pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY k(number, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
        WHERE i.indrelid = c.oid AND i.indisprimary),
       (SELECT json_agg(DISTINCT f.confrelid::bigint) FROM pg_catalog.pg_constraint f
        WHERE f.conrelid = c.oid AND f.contype = 'f'),
       (SELECT json_build_array(rn.nspname, r.relname)
        FROM pg_catalog.pg_class r JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
        WHERE c.relispartition AND r.oid = pg_catalog.pg_partition_root(c.oid))
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = ANY (%(oids)s::oid[]) ORDER BY n.nspname, c.relname""")


class Column(NamedTuple):
    """A column. `generated` and `identity` are the catalog's letters, blank for neither."""

    name: str
    type: str
    not_null: bool
    generated: str
    identity: str
    default: str | None


class Shape(NamedTuple):
    """A table: its columns in order, its primary key, and the tables that it refers to.

    `root` is the partitioned table that it is a part of. A manifest has neither `oid` (0 then) nor
    `refers_to`: both hold for one database only.
    """

    oid: int
    schema: str
    table: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    refers_to: frozenset[int]
    root: tuple[str, str] | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Schema and table."""
        return self.schema, self.table

    @property
    def name(self) -> str:
        """`schema.table`."""
        return f"{self.schema}.{self.table}"

    def as_dict(self) -> dict[str, Any]:
        """For the manifest."""
        columns = [column._asdict() for column in self.columns]
        return {
            "schema": self.schema,
            "table": self.table,
            "columns": columns,
            "primary_key": list(self.primary_key),
            "root": self.root,
        }


Shapes = Mapping[tuple[str, str], Shape]
"""By schema and table."""


def reached(session: Session, oids: Iterable[int]) -> Shapes:
    """Those tables, and every table that refers to one of them, however indirectly."""
    rows = session.read_composed(_REACHED, {"oids": list(oids)}, ours=True)
    return shapes(session, [oid for (oid,) in rows])


def shapes(session: Session, oids: Iterable[int]) -> Shapes:
    """Those tables; types have their schema, since the path of a query of ours has none."""
    rows = session.read_composed(_TABLES, {"oids": list(oids)}, ours=True)
    return {shape.key: shape for shape in map(_shape, rows)}


def _shape(row: tuple[Any, ...]) -> Shape:
    oid, schema, table, found, key, refers_to, root = row
    return Shape(
        oid=oid,
        schema=schema,
        table=table,
        columns=tuple(Column(*one) for one in found or ()),
        primary_key=tuple(key or ()),
        refers_to=frozenset(refers_to or ()),
        root=(root[0], root[1]) if root else None,
    )


def ranks(shapes: Shapes) -> dict[tuple[str, str], int]:
    """A rank for each table, a parent's below its children's.

    Tables that refer to each other in a circle get ranks too, in no order among themselves.
    """
    by_oid = {shape.oid: key for key, shape in shapes.items()}
    edges = {
        shape.oid: {oid for oid in shape.refers_to if oid in by_oid and oid != shape.oid}
        for shape in shapes.values()
    }
    return {by_oid[oid]: rank for rank, oid in enumerate(_sorted(edges))}


def _sorted(edges: dict[int, set[int]]) -> Iterable[int]:
    while True:
        try:
            return list(TopologicalSorter(edges).static_order())
        except CycleError as error:
            child, parent = error.args[1][1], error.args[1][0]
            edges[child].discard(parent)
