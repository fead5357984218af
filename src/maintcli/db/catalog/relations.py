"""A relation: rights, triggers and rules, indexes, foreign keys. Each fact is read by one query.

What other queries of this package need of these is a fragment here.
"""

from collections.abc import Iterable
from typing import Any, LiteralString, NamedTuple

from psycopg import sql

from maintcli.db.catalog.tables import INDEXES, Index, Reader

_EVENTS = {4: "INSERT", 8: "DELETE", 16: "UPDATE", 32: "TRUNCATE"}  # as pg_trigger.tgtype has them

# Triggers, and rules as if they were triggers: not those that PostgreSQL makes for a constraint.
# `fires` is whether one acts in this session.
TRIGGERS: LiteralString = """(
    SELECT found.*, found.enabled IN ('A', CASE current_setting('session_replication_role')
                                           WHEN 'replica' THEN 'R' ELSE 'O' END) AS fires
    FROM (
        SELECT t.tgrelid AS relation, t.tgname::text AS name, false AS is_rule,
               t.tgtype::integer AS type, t.tgenabled AS enabled
        FROM pg_catalog.pg_trigger t
        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_constraint z
                          WHERE z.oid = t.tgconstraint AND z.contype <> 't')
        UNION ALL
        SELECT r.ev_class, r.rulename::text, true,
               CASE r.ev_type WHEN '2' THEN 16 WHEN '3' THEN 4 WHEN '4' THEN 8 ELSE 0 END,
               r.ev_enabled
        FROM pg_catalog.pg_rewrite r
    ) AS found
)"""

# The clone that PostgreSQL keeps of a constraint for each partition has a parent, and is left out;
# a key of the catalog that this server's version does not have is read as JSON.
FOREIGN_KEYS: LiteralString = """(
    SELECT k.oid, k.conname::text AS name, k.conrelid AS relation, k.confrelid AS parent,
           k.confdeltype::text AS action,
           (SELECT array_agg(a.attname::text ORDER BY u.place)
            FROM unnest(k.conkey) WITH ORDINALITY u(number, place)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number
           ) AS columns,
           (SELECT array_agg(a.attname::text ORDER BY u.place)
            FROM unnest(k.confkey) WITH ORDINALITY u(number, place)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number
           ) AS parent_columns,
           (SELECT json_agg(json_build_array(s.nspname, o.oprname) ORDER BY u.place)
            FROM unnest(k.conpfeqop) WITH ORDINALITY u(number, place)
            JOIN pg_catalog.pg_operator o ON o.oid = u.number
            JOIN pg_catalog.pg_namespace s ON s.oid = o.oprnamespace
           ) AS operators,
           (SELECT array_agg(a.attname::text ORDER BY a.attnum)
            FROM jsonb_array_elements_text(
                coalesce(nullif(to_jsonb(k) -> 'confdelsetcols', 'null'), '[]')) u(number)
            JOIN pg_catalog.pg_attribute a
              ON a.attrelid = k.conrelid AND a.attnum = u.number::smallint
           ) AS set_columns,
           coalesce((to_jsonb(k) ->> 'conperiod')::boolean, false) AS is_temporal
    FROM pg_catalog.pg_constraint k
    WHERE k.contype = 'f' AND k.conparentid = 0
      AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true)
)"""

_RELATIONS: LiteralString = (
    """
SELECT c.oid::bigint, n.nspname::text, c.relname::text, c.relkind = 'p',
       rn.nspname::text, r.relname::text, c.reltuples::float8, current_user::text,
       row_security_active(c.oid), has_any_column_privilege(c.oid, 'UPDATE'),
       ARRAY(SELECT p FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p
             WHERE NOT has_table_privilege(c.oid, p)),
       obj_description(c.oid, 'pg_class'),
       EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass
               AND d.objid = c.oid AND d.deptype = 'e'),
       (SELECT json_agg(json_build_array(t.name, t.is_rule, t.type, t.enabled, t.fires)
                        ORDER BY t.is_rule, t.name)
        FROM """
    + TRIGGERS
    + " t WHERE t.relation = c.oid),\n       "
    + INDEXES
    + """
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class r ON r.oid = coalesce(pg_catalog.pg_partition_root(c.oid), c.oid)
JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
WHERE c.oid = ANY (%s::oid[])
"""
)


# Rows of a partition go back through the root: the partition may have been dropped or made anew.
_ROOTS = """
SELECT w.schema, w.name, coalesce(pg_catalog.pg_partition_root(c.oid), c.oid)::oid
FROM unnest(%(schemas)s::text[], %(names)s::text[]) AS w(schema, name)
JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
WHERE c.relkind IN ('r', 'p')
"""


class Trigger(NamedTuple):
    """A trigger or rule of the user's, by the `events` that it is for.

    `enabled` is the catalog's letter (D for disabled); `fires` is whether it acts in this session.
    """

    name: str
    is_rule: bool
    events: frozenset[str]
    enabled: str
    fires: bool

    def __str__(self) -> str:
        return f"{self.name} (rule)" if self.is_rule else self.name


class Relation(NamedTuple):
    """A table or partition. `top` is the table that people know, of which it may be a leaf.

    Its rows are better put back there: the leaf may be gone by then.

    `rows` is the planner's count at the last ANALYZE, -1 before the first. One that is
    `partitioned` has its rows in its leaves. `can_update` is whether `role` may UPDATE a column,
    and so lock rows; `denied` are the privileges on the whole table that it does not have.
    """

    oid: int
    schema: str
    table: str
    partitioned: bool
    top_schema: str
    top_table: str
    rows: float
    role: str
    hides_rows: bool
    can_update: bool
    denied: frozenset[str]
    comment: str
    is_extensions: bool
    triggers: tuple[Trigger, ...]
    indexes: tuple[Index, ...]

    @property
    def can_select(self) -> bool:
        """Whether the role may read the table."""
        return "SELECT" not in self.denied

    @property
    def can_delete(self) -> bool:
        """Whether the role may delete its rows."""
        return "DELETE" not in self.denied

    @property
    def delete_triggers(self) -> tuple[str, ...]:
        """The names of triggers and rules for a DELETE that are not disabled."""
        return self._triggers("DELETE")

    @property
    def update_triggers(self) -> tuple[str, ...]:
        """The names of those for an UPDATE."""
        return self._triggers("UPDATE")

    def _triggers(self, event: str) -> tuple[str, ...]:
        enabled = [one for one in self.triggers if one.enabled != "D" and event in one.events]
        return tuple(sorted({str(one) for one in enabled}))

    @property
    def quoted(self) -> sql.Identifier:
        """The relation's name, quoted for a statement."""
        return sql.Identifier(self.schema, self.table)

    @property
    def source(self) -> sql.Composable:
        """What a statement names to get at its own rows, or at those of its leaves."""
        return self.quoted if self.partitioned else sql.SQL("ONLY {}").format(self.quoted)

    @property
    def top(self) -> str:
        """The table that people know, as reports show it."""
        return f"{self.top_schema}.{self.top_table}"

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"


def find(reader: Reader, oids: Iterable[int]) -> dict[int, Relation]:
    """The relations `oids` that are there, by oid."""
    found: dict[int, Relation] = {}
    for row in reader.read(_RELATIONS, [sorted(set(oids))]):
        *facts, denied, comment, is_extensions, triggers, indexes = row
        rest = (
            frozenset(denied),
            comment or "",
            is_extensions,
            tuple(_trigger(*one) for one in triggers or ()),
            tuple(Index.read(one) for one in indexes or ()),
        )
        found[row[0]] = Relation._make((*facts, *rest))
    return found


def roots(reader: Reader, names: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """By schema and name of tables, the oid of each, or of the root of a partition."""
    pairs = list(names)
    if not pairs:
        return {}
    values = {"schemas": [schema for schema, _ in pairs], "names": [name for _, name in pairs]}
    return {(schema, name): oid for schema, name, oid in reader.read(_ROOTS, values)}


def _trigger(name: str, is_rule: Any, kind: int, enabled: str, fires: Any) -> Trigger:
    events = frozenset(event for bit, event in _EVENTS.items() if kind & bit)
    return Trigger(name, is_rule, events, enabled, fires)
