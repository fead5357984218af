"""Foreign keys between relations, and the relations themselves: what a DELETE can reach.

Everything is in terms of relations that hold rows themselves, since a partitioned table has no
rows: a foreign key from a partitioned table is one link for each of its leaves.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from psycopg import sql

from maintcli.db.catalog.tables import Reader

_NOT_VALID = " NOT VALID"
_ACTION = re.compile(" ON DELETE (RESTRICT|NO ACTION)")
_BEHIND_ACTIONS = re.compile(" (NOT )?DEFERRABLE| INITIALLY | NOT VALID|$")


class Relation(NamedTuple):
    """A relation that holds rows. `top` is the table that people know, of which it may be a leaf.

    Its rows are better put back there: the leaf may be gone by then.

    `rows` is the planner's count at the last ANALYZE, -1 before the first. One that is
    `partitioned` has its rows in its leaves.
    """

    oid: int
    schema: str
    table: str
    top_schema: str
    top_table: str
    rows: float
    can_select: bool
    can_delete: bool
    can_update: bool
    hides_rows: bool
    delete_triggers: tuple[str, ...]
    update_triggers: tuple[str, ...]
    partitioned: bool = False

    @property
    def quoted(self) -> sql.Composable:
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


class ForeignKey(NamedTuple):
    """A foreign key: `columns` of `table` refer to `parent_columns`, compared by `operators`.

    `relation` is the oid of `table`.

    `set_columns` are those that ON DELETE SET NULL or SET DEFAULT changes. `definition` is the
    constraint as SQL, of one that forbids a delete and could have ON DELETE CASCADE.
    """

    oid: int
    name: str
    schema: str
    table: str
    partitioned: bool
    action: str
    columns: tuple[str, ...]
    parent_columns: tuple[str, ...]
    operators: tuple[tuple[str, str], ...]
    set_columns: tuple[str, ...]
    definition: str | None
    relation: int

    @property
    def child(self) -> str:
        """The table whose rows refer."""
        return f"{self.schema}.{self.table}"

    @property
    def quoted(self) -> sql.Composable:
        """The name of the table whose rows refer, quoted for a statement."""
        return sql.Identifier(self.schema, self.table)

    @property
    def cascading(self) -> tuple[str, ...]:
        """The statements that have rows go with those they refer to.

        The rows are looked at by a VALIDATE of its own, which holds up no one who writes.
        """
        if self.definition is None:
            return ()
        head, bracket, actions = self.definition.rpartition(")")
        actions = _ACTION.sub("", actions)
        place = _BEHIND_ACTIONS.search(actions)
        at = place.start() if place else len(actions)
        definition = f"{head}{bracket}{actions[:at]} ON DELETE CASCADE{actions[at:]}"
        table, name = self.quoted.as_string(), sql.Identifier(self.name).as_string()
        change = f"ALTER TABLE {table} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} {definition}"
        if self.partitioned or actions.endswith(_NOT_VALID):
            return (f"{change};",)
        return f"{change}{_NOT_VALID};", f"ALTER TABLE {table} VALIDATE CONSTRAINT {name};"

    @property
    def create_index(self) -> str:
        """The statement that makes an index to the rows that refer."""
        columns = ", ".join(sql.Identifier(name).as_string() for name in self.columns)
        how = "" if self.partitioned else "CONCURRENTLY "
        return f"CREATE INDEX {how}ON {self.quoted.as_string()} ({columns});"


class Link(NamedTuple):
    """A foreign key between two relations; `indexed` says whether its rows are found quickly."""

    key: ForeignKey
    parent: int
    child: int
    indexed: bool

    @property
    def remedy(self) -> tuple[str, ...]:
        """The statements that let rows go which the child's rows keep, the index first."""
        cascading = self.key.cascading
        return cascading if self.indexed or not cascading else (self.key.create_index, *cascading)


class Links(NamedTuple):
    """What can be reached: every relation by its oid, and the links between them.

    `roots` are the partitioned tables whose leaves refer by a key of the whole.
    """

    relations: Mapping[int, Relation]
    links: tuple[Link, ...]
    roots: Mapping[int, Relation]


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
