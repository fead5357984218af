"""Foreign keys between relations: what a DELETE can reach.

Everything is in terms of relations that hold rows themselves, since a partitioned table has no
rows: a foreign key from a partitioned table is one link for each of its leaves.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, LiteralString, NamedTuple

from psycopg import sql

from maintcli.db.catalog import relations
from maintcli.db.catalog.relations import FOREIGN_KEYS, Relation
from maintcli.db.catalog.tables import Reader

_NOT_VALID = " NOT VALID"
_ACTION = re.compile(" ON DELETE (RESTRICT|NO ACTION)")
_BEHIND_ACTIONS = re.compile(" (NOT )?DEFERRABLE| INITIALLY | NOT VALID|$")


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

        VALIDATE reads the rows in a statement of its own, which does not block writes.
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


class Referring(NamedTuple):
    """A table, or a partition of `root`, and the oids of the tables that it refers to."""

    oid: int
    schema: str
    table: str
    root: tuple[str, str] | None
    refers_to: frozenset[int]


class Reference(NamedTuple):
    """A foreign key from `columns` of `relation` to the `parent_columns` of `parent`."""

    relation: int
    name: str
    parent: int
    parent_name: sql.Identifier
    columns: tuple[str, ...]
    parent_columns: tuple[str, ...]


MOST_LINKS = 2_000  # what a batch can name; more are thousands of partitions

ACTIONS = {
    "a": "NO ACTION",
    "r": "RESTRICT",
    "c": "CASCADE",
    "n": "SET NULL",
    "d": "SET DEFAULT",
}

# From each relation to those that refer to it, on and on along ON DELETE CASCADE.
_LINKS: LiteralString = (
    """
WITH RECURSIVE reached(oid) AS (
    SELECT unnest(%(oids)s::oid[])
    UNION
    SELECT leaf.oid FROM reached r
    CROSS JOIN LATERAL (
        SELECT r.oid UNION SELECT relid FROM pg_catalog.pg_partition_ancestors(r.oid)
    ) AS target(oid)
    JOIN """
    + FOREIGN_KEYS
    + """ k ON k.parent = target.oid AND k.action = 'c'
    CROSS JOIN LATERAL (
        SELECT relid FROM pg_catalog.pg_partition_tree(k.relation) WHERE isleaf
        UNION SELECT oid FROM pg_catalog.pg_class WHERE oid = k.relation AND relkind = 'r'
    ) AS leaf(oid)
)
SELECT k.oid::bigint, k.name, n.nspname::text, c.relname::text, c.relkind = 'p', k.action,
       k.columns, k.parent_columns, k.operators, k.set_columns,
       CASE WHEN k.action IN ('a', 'r') AND NOT k.is_temporal THEN pg_get_constraintdef(k.oid) END,
       k.relation::bigint, r.oid::bigint, leaf.oid::bigint
FROM reached r
CROSS JOIN LATERAL (
    SELECT r.oid UNION SELECT relid FROM pg_catalog.pg_partition_ancestors(r.oid)
) AS target(oid)
JOIN """
    + FOREIGN_KEYS
    + """ k ON k.parent = target.oid
JOIN pg_catalog.pg_class c ON c.oid = k.relation
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT relid FROM pg_catalog.pg_partition_tree(k.relation) WHERE isleaf
    UNION SELECT oid FROM pg_catalog.pg_class WHERE oid = k.relation AND relkind = 'r'
) AS leaf(oid)
ORDER BY n.nspname, c.relname, k.name, r.oid, leaf.oid
LIMIT %(most)s"""
)

# Along foreign keys from the referenced table to those that refer to it, and to every partition;
# by the clones that PostgreSQL keeps of a key for each partition as well.
_REFERRING: LiteralString = """
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
SELECT r.oid::bigint, n.nspname::text, c.relname::text,
       (SELECT json_build_array(tn.nspname, t.relname)
        FROM pg_catalog.pg_class t JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
        WHERE c.relispartition AND t.oid = pg_catalog.pg_partition_root(c.oid)),
       ARRAY(SELECT DISTINCT k.confrelid::bigint FROM pg_catalog.pg_constraint k
             WHERE k.conrelid = r.oid AND k.contype = 'f')
FROM reached r JOIN pg_catalog.pg_class c ON c.oid = r.oid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
ORDER BY n.nspname, c.relname
"""

_REFERENCES: LiteralString = (
    """
SELECT k.relation::bigint, k.name, k.parent::bigint, n.nspname::text, c.relname::text,
       k.columns, k.parent_columns
FROM """
    + FOREIGN_KEYS
    + """ k JOIN pg_catalog.pg_class c ON c.oid = k.parent
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE k.relation = ANY (%(oids)s::oid[])
"""
)


def find(reader: Reader, oids: Sequence[int]) -> Links | None:
    """What a DELETE from the relations `oids` can reach; None where that is too much to follow."""
    rows = reader.read(_LINKS, {"oids": list(oids), "most": MOST_LINKS + 1})
    if len(rows) > MOST_LINKS:
        return None
    concerned = {*oids, *(oid for *_, parent, child in rows for oid in (parent, child))}
    roots = {table for *_, table, _, child in rows if table != child} - concerned
    found = relations.find(reader, concerned | roots)
    return Links(
        {oid: one for oid, one in found.items() if oid not in roots},
        tuple(_link(row, found) for row in rows),
        {oid: one for oid, one in found.items() if oid in roots},
    )


def referring(reader: Reader, oids: Iterable[int]) -> list[Referring]:
    """Those relations and all that refer to one of them, however indirectly; partitions as well."""
    rows = reader.read(_REFERRING, {"oids": list(oids)})
    return [
        Referring(oid, schema, table, (root[0], root[1]) if root else None, frozenset(parents))
        for oid, schema, table, root, parents in rows
    ]


def references(reader: Reader, oids: Iterable[int]) -> list[Reference]:
    """The foreign keys of the relations `oids` themselves."""
    rows = reader.read(_REFERENCES, {"oids": list(oids)})
    return [
        Reference(oid, name, parent, sql.Identifier(schema, table), tuple(columns), tuple(to))
        for oid, name, parent, schema, table, columns, to in rows
    ]


def _link(row: tuple[Any, ...], found: Mapping[int, Relation]) -> Link:
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
    indexes = found[child].indexes if child in found else ()
    indexed = any(index.finds(*key.columns) for index in indexes)
    return Link(key, parent, child, indexed)
