"""A user's table as the catalog describes it: its kind, columns, indexes, parts and privileges."""

from collections.abc import Iterable, Sequence
from typing import Any, LiteralString, NamedTuple, Protocol, Self

from psycopg import sql

from maintcli.db.names import Name
from maintcli.errors import MissingGrant, MissingPrivilege

KINDS = {
    "r": "table",
    "p": "partitioned table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
    "S": "sequence",
    "i": "index",
    "c": "composite type",
    "t": "TOAST table",
}

WITH_ROWS = frozenset({"table", "partitioned table"})  # what jobs work on


class Reader(Protocol):
    """Something that runs a bounded, read-only query, with names of the catalog alone."""

    @property
    def schemas(self) -> tuple[str, ...]:
        """The schemas of the user's own search path."""
        ...

    def read(self, query: LiteralString, params: Any = None) -> list[tuple[Any, ...]]:
        """Return the rows."""
        ...


class Column(NamedTuple):
    """A column: its type as PostgreSQL prints it, and whether it can be NULL.

    `type` is a domain's base type, `declared` the domain itself, with its schema, and `full` the
    same with its length. `operators` is the schema of the type's own comparisons: under the user's
    path a bare `=` may be another. `generated` and `identity` are the catalog's letters, blank for
    neither; `default` is an expression. `key` is its place in the primary key, from 1, or 0.
    """

    name: str
    type: str
    nullable: bool
    declared: str
    is_domain: bool
    operators: str
    full: str = ""
    generated: str = ""
    identity: str = ""
    default: str | None = None
    key: int = 0

    def value(self, row: sql.Composable | None = None) -> sql.Composable:
        """The column (of `row`, an alias), a domain as its base type, which operators fit."""
        quoted: sql.Composable = sql.Identifier(self.name)
        quoted = sql.SQL("{}.{}").format(row, quoted) if row else quoted
        if not self.is_domain:
            return quoted
        return sql.SQL("{}::{}").format(quoted, sql.SQL(self.type))  # pyright: ignore[reportArgumentType]  from the catalog

    def operator(self, name: LiteralString) -> sql.Composable:
        """The type's own comparison called `name`, to stand between two values."""
        return sql.SQL("OPERATOR({}.{})").format(sql.Identifier(self.operators), sql.SQL(name))


class Shape(NamedTuple):
    """The columns of a relation whose values can be written, and those that find one row again."""

    columns: tuple[str, ...]
    key: tuple[str, ...]


class Index(NamedTuple):
    """An index. In `columns`, those that it sorts by, None is an expression.

    `predicate` is that of an index on some of the rows. `nulls_match`: NULLS NOT DISTINCT.
    """

    name: str
    method: str
    columns: tuple[str | None, ...]
    predicate: str | None
    is_valid: bool
    is_unique: bool
    is_primary: bool
    is_exclusive: bool
    nulls_match: bool

    @classmethod
    def read(cls, found: Sequence[Any]) -> Self:
        """One element of what `INDEXES` returns."""
        name, method, columns, *rest = found
        return cls(name, method, tuple(columns), *rest)

    @property
    def is_plain(self) -> bool:
        """Whether it has every row, by columns alone."""
        return self.predicate is None and None not in self.columns

    def finds(self, *columns: str) -> bool:
        """Whether rows are found by all of `columns`; an index WHERE column IS NOT NULL does it."""
        usable = self.is_valid and self.method in {"btree", "hash"}
        if not usable or set(self.columns[: len(columns)]) != set(columns):
            return False
        spelled = [sql.Identifier(name).as_string() for name in columns] + list(columns)
        return self.predicate in {None, *(f"({name} IS NOT NULL)" for name in spelled)}


class Part(NamedTuple):
    """A relation that holds rows itself: the table, or one leaf of a partitioned one.

    `rows` is the planner's count at the last ANALYZE, -1 before the first; `total_bytes` its size
    with indexes and TOAST; `can_lock` whether this role may
    lock its rows, which takes UPDATE on a column; `referenced` whether a foreign key refers to it.
    """

    oid: int
    schema: str
    table: str
    kind: str
    is_heap: bool
    blocks: int
    rows: float
    indexed: frozenset[str]
    can_select: bool
    can_delete: bool
    can_lock: bool
    hides_rows: bool
    total_bytes: int
    referenced: bool

    @property
    def quoted(self) -> sql.Composable:
        """The part's name, quoted for a statement."""
        return sql.Identifier(self.schema, self.table)

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"


class Table(NamedTuple):
    """A table with the parts that hold its rows."""

    oid: int
    schema: str
    name: str
    kind: str
    role: str
    hides_rows: bool
    can_select: bool
    can_delete: bool
    columns: dict[str, Column]
    parts: tuple[Part, ...]

    @property
    def oids(self) -> tuple[int, ...]:
        """The table and the parts that hold its rows."""
        return (self.oid, *(part.oid for part in self.parts))

    @property
    def relations(self) -> "list[Table | Part]":
        """The table, and the parts that hold its rows, of which it may be one."""
        found: list[Table | Part] = [self]
        return [*found, *self.parts]

    @property
    def quoted(self) -> sql.Composable:
        """The table's name, quoted for a statement."""
        return sql.Identifier(self.schema, self.name)

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


_TABLE = """
SELECT c.oid, n.nspname, c.relname, c.relkind::text, current_user::text,
       row_security_active(c.oid),
       has_table_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'DELETE')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = %(table)s AND n.nspname = coalesce(%(schema)s, (
    SELECT sn.nspname::text FROM unnest(%(path)s::text[]) WITH ORDINALITY AS s(name, place)
    JOIN pg_catalog.pg_namespace sn ON sn.nspname = s.name
    JOIN pg_catalog.pg_class sc ON sc.relnamespace = sn.oid AND sc.relname = %(table)s
    ORDER BY s.place LIMIT 1))
"""

# An enum, an array or a varchar is compared by operators of the catalog, citext by those it brings.
_COLUMNS = """
WITH listed AS MATERIALIZED (
    SELECT * FROM pg_catalog.pg_attribute
    WHERE attrelid = ANY (%s::oid[]) AND attnum > 0 AND NOT attisdropped
), types AS MATERIALIZED (
    SELECT t.oid, format_type(base.oid, NULL) AS base, t.typtype = 'd' AS is_domain,
           CASE s.nspname WHEN 'pg_catalog' THEN format_type(t.oid, NULL)
                ELSE concat(quote_ident(s.nspname), '.', quote_ident(t.typname)) END AS declared,
           coalesce((SELECT n.nspname::text FROM pg_catalog.pg_opclass oc
                     JOIN pg_catalog.pg_am m ON m.oid = oc.opcmethod AND m.amname = 'btree'
                     JOIN pg_catalog.pg_amop ao ON ao.amopfamily = oc.opcfamily
                      AND ao.amoplefttype = base.oid AND ao.amoprighttype = base.oid
                      AND ao.amopstrategy = 3
                     JOIN pg_catalog.pg_operator o ON o.oid = ao.amopopr
                     JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
                     WHERE oc.opcintype = base.oid AND oc.opcdefault), 'pg_catalog') AS operators
    FROM pg_catalog.pg_type t
    JOIN pg_catalog.pg_namespace s ON s.oid = t.typnamespace
    CROSS JOIN LATERAL (
        WITH RECURSIVE below(oid, typtype, typbasetype) AS (
            SELECT t.oid, t.typtype, t.typbasetype
            UNION ALL
            SELECT b.oid, b.typtype, b.typbasetype
            FROM below JOIN pg_catalog.pg_type b ON b.oid = below.typbasetype
            WHERE below.typtype = 'd'
        )
        SELECT oid FROM below WHERE typtype <> 'd'
    ) AS base
    WHERE t.oid IN (SELECT atttypid FROM listed)
)
SELECT a.attrelid, a.attname::text, t.base, NOT a.attnotnull, t.declared, t.is_domain, t.operators,
       format_type(a.atttypid, a.atttypmod), a.attgenerated::text, a.attidentity::text,
       pg_get_expr(f.adbin, f.adrelid),
       coalesce(array_position((x.indkey::int2[])[0:x.indnkeyatts - 1], a.attnum), 0)
FROM listed a JOIN types t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
LEFT JOIN pg_catalog.pg_index x ON x.indrelid = a.attrelid AND x.indisprimary
ORDER BY a.attrelid, a.attnum
"""

# The indexes of the relation `c`; to_jsonb, since indnullsnotdistinct came with PostgreSQL 15.
INDEXES: LiteralString = """(
    SELECT json_agg(json_build_array(xc.relname, xa.amname,
               (SELECT json_agg(a.attname ORDER BY u.place)
                FROM unnest(x.indkey::int2[]) WITH ORDINALITY u(number, place)
                LEFT JOIN pg_catalog.pg_attribute a
                  ON a.attrelid = c.oid AND a.attnum = u.number AND u.number <> 0
                WHERE u.place <= x.indnkeyatts),
               pg_get_expr(x.indpred, x.indrelid), x.indisvalid, x.indisunique, x.indisprimary,
               x.indisexclusion,
               x.indisunique
               AND coalesce((to_jsonb(x) ->> 'indnullsnotdistinct')::boolean, false))
           ORDER BY x.indexrelid)
    FROM pg_catalog.pg_index x
    JOIN pg_catalog.pg_class xc ON xc.oid = x.indexrelid
    JOIN pg_catalog.pg_am xa ON xa.oid = xc.relam
    WHERE x.indrelid = c.oid
)"""

# Leaves of partitions and of plain inheritance alike; a parent of inheritance holds rows too.
_PARTS: LiteralString = (
    """
WITH RECURSIVE tree(oid) AS (
    SELECT %s::oid
    UNION
    SELECT i.inhrelid FROM tree JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.oid
    WHERE NOT i.inhdetachpending
)
SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text,
       coalesce(am.amname = 'heap', false),
       CASE WHEN c.relkind IN ('r', 'm')
            THEN pg_relation_size(c.oid) / current_setting('block_size')::int ELSE 0 END,
       c.reltuples::float8,
       coalesce("""
    + INDEXES
    + """, '[]'),
       has_table_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'DELETE'),
       has_any_column_privilege(c.oid, 'UPDATE'), row_security_active(c.oid),
       CASE WHEN c.relkind IN ('r', 'm') THEN pg_total_relation_size(c.oid) ELSE 0 END,
       EXISTS (SELECT FROM pg_catalog.pg_constraint k
               WHERE k.contype = 'f' AND k.conparentid = 0
                 AND k.confrelid IN (SELECT c.oid UNION ALL
                                     SELECT relid FROM pg_catalog.pg_partition_ancestors(c.oid)))
FROM tree
JOIN pg_catalog.pg_class c ON c.oid = tree.oid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam
WHERE c.relkind <> 'p' ORDER BY n.nspname, c.relname
"""
)


def describe(reader: Reader, name: Name) -> Table | None:
    """Describe the relation called `name`, of whatever kind; None where there is none."""
    path = [] if name.schema else list(reader.schemas)
    found = reader.read(_TABLE, {**name._asdict(), "path": path})
    if not found:
        return None
    oid, schema, table, kind, role, hides, selects, deletes = found[0]
    columns_ = columns(reader, [oid])[oid]
    # What was dropped as we looked has no size any more.
    parts = tuple(_part(row) for row in reader.read(_PARTS, [oid]) if None not in row)
    kind = KINDS.get(kind, "relation")
    return Table(oid, schema, table, kind, role, hides, selects, deletes, columns_, parts)


def columns(reader: Reader, oids: Iterable[int]) -> dict[int, dict[str, Column]]:
    """The columns of relations, by oid and name."""
    found: dict[int, dict[str, Column]] = {oid: {} for oid in oids}
    for oid, *column in reader.read(_COLUMNS, [list(found)]):
        one = Column(*column)
        found[oid][one.name] = one
    return found


def shapes(reader: Reader, oids: Iterable[int]) -> dict[int, Shape]:
    """The shapes of relations, by oid."""
    return {oid: shape(found.values()) for oid, found in columns(reader, oids).items()}


def shape(found: Iterable[Column]) -> Shape:
    """The shape of a relation with these columns."""
    listed = list(found)
    key = sorted((one.key, one.name) for one in listed if one.key)
    return Shape(
        tuple(one.name for one in listed if not one.generated), tuple(name for _, name in key)
    )


def _part(row: tuple[Any, ...]) -> Part:
    oid, schema, table, kind, is_heap, blocks, rows, indexed, *rights = row
    kind = KINDS.get(kind, "relation")
    indexes = [one for one in map(Index.read, indexed) if one.method == "btree"]
    firsts = {name for one in indexes for name in one.columns[:1] if name and one.finds(name)}
    return Part(oid, schema, table, kind, is_heap, blocks, rows, frozenset(firsts), *rights)


def missing_grant(role: str, privilege: str, on: sql.Composable) -> MissingGrant:
    """The error of a role that lacks a privilege on a table, with the GRANT to be pasted."""
    table, grantee = on.as_string(), sql.Identifier(role).as_string()
    return MissingGrant(
        f"Role {grantee} may not {privilege} {table}. Let the owner run:"
        f" GRANT {privilege} ON {table} TO {grantee};"
    )


def hidden_rows(table: object, role: str) -> MissingPrivilege:
    """The error of a role that cannot see all rows of a table."""
    return MissingPrivilege(
        f"Row-level security on {table} hides rows from role {role}, so a sweep would report"
        " success and leave them. Run as a role with BYPASSRLS, or as the owner without FORCE ROW"
        " LEVEL SECURITY."
    )
