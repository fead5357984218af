"""What stands on a table beside privileges: triggers, rules, foreign keys, publications, and code.

maint deletes from each relation that holds rows by itself. A DELETE from the table that people name
meets more: the statement triggers and the rules of that table, and of every level below it.

Code that runs where rows are compared or changed was written for the user's search path: under the
catalog's alone a trigger does not find the table it writes to, and a type of an extension not its
own `=`.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal, LiteralString, NamedTuple

from psycopg import sql

from maintcli.db.catalog.relations import TRIGGERS
from maintcli.db.catalog.tables import Reader
from maintcli.errors import ConfigError

Event = Literal["DELETE", "UPDATE"]


class Kind(StrEnum):
    """What was found."""

    TRIGGER = "trigger"  # would not fire, as it is the named table's, once a statement
    RULE = "rule"  # would not apply, for the same reason
    IDLE_KEY = "idle key"  # a foreign key whose trigger does not fire
    UNENFORCED_KEY = "unenforced key"  # one that is declared NOT ENFORCED
    NO_IDENTITY = "no identity"  # published, and without a replica identity


class Found(NamedTuple):
    """One finding: `name` of the trigger, rule or event, on a table, for the key `of`."""

    kind: Kind
    schema: str
    table: str
    name: str
    of: str

    @property
    def quoted(self) -> str:
        """The table's name, quoted for a statement."""
        return sql.Identifier(self.schema, self.table).as_string()

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"


# `fires` is the state in which the trigger of a key acts in this session, beside A (always).
_FOUND: LiteralString = (
    """
WITH RECURSIVE tree(oid) AS (
    SELECT unnest(%(named)s::oid[])
    UNION
    SELECT k.conrelid FROM pg_catalog.pg_constraint k
    JOIN pg_catalog.pg_class c ON c.oid = k.conrelid AND c.relkind = 'p'
    WHERE k.oid = ANY (%(keys)s::oid[]) AND k.confdeltype = 'c'
    UNION
    SELECT i.inhrelid FROM tree JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.oid
    WHERE NOT i.inhdetachpending
), above(oid) AS (
    SELECT oid FROM tree WHERE EXISTS (
        SELECT FROM pg_catalog.pg_inherits i
        WHERE i.inhparent = tree.oid AND NOT i.inhdetachpending)
), keys(oid, conname, conrelid) AS (
    SELECT oid, conname, conrelid FROM pg_catalog.pg_constraint WHERE oid = ANY (%(keys)s::oid[])
    UNION ALL
    SELECT k.oid, keys.conname, keys.conrelid
    FROM keys JOIN pg_catalog.pg_constraint k ON k.conparentid = keys.oid
), fires(state) AS (
    SELECT CASE current_setting('session_replication_role') WHEN 'replica' THEN 'R' ELSE 'O' END
), published(schema, name, event) AS MATERIALIZED (
    SELECT t.schemaname, t.tablename, e.event
    FROM pg_catalog.pg_publication p
    JOIN pg_catalog.pg_publication_tables t ON t.pubname = p.pubname
    CROSS JOIN LATERAL (VALUES ('DELETE', p.pubdelete), ('UPDATE', p.pubupdate)) e(event, sent)
    WHERE e.sent
), changed(oid, event) AS (
    SELECT unnest(%(deleted)s::oid[]), 'DELETE'
    UNION ALL SELECT unnest(%(updated)s::oid[]), 'UPDATE'
), found(kind, oid, name, of) AS (
    SELECT CASE WHEN t.is_rule THEN 'rule' ELSE 'trigger' END, t.relation, t.name, ''
    FROM above JOIN """
    + TRIGGERS
    + """ t ON t.relation = above.oid
    WHERE t.fires AND (t.is_rule OR t.type & 1 = 0)
      AND t.type & CASE %(event)s WHEN 'DELETE' THEN 8 ELSE 16 END <> 0
    UNION ALL
    SELECT 'idle key', t.tgrelid, t.tgname::text, format('%%s of %%s', keys.conname, (
        SELECT n.nspname || '.' || c.relname FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = keys.conrelid))
    FROM keys JOIN pg_catalog.pg_trigger t ON t.tgconstraint = keys.oid CROSS JOIN fires
    WHERE t.tgenabled NOT IN ('A', fires.state)
    UNION ALL
    SELECT DISTINCT 'unenforced key', k.conrelid, k.conname::text, ''
    FROM changed
    CROSS JOIN LATERAL (
        SELECT changed.oid UNION SELECT relid FROM pg_catalog.pg_partition_ancestors(changed.oid)
    ) AS target(oid)
    JOIN pg_catalog.pg_constraint k
      ON k.contype = 'f' AND k.conparentid = 0 AND k.confrelid = target.oid
     AND to_jsonb(k) ->> 'conenforced' = 'false'
    WHERE changed.event = 'DELETE'
    UNION ALL
    SELECT 'no identity', c.oid, changed.event, ''
    FROM changed JOIN pg_catalog.pg_class c ON c.oid = changed.oid
    WHERE c.relpersistence = 'p' AND c.relreplident <> 'f'
      AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_index x
          WHERE x.indrelid = c.oid AND x.indisvalid AND x.indimmediate
            AND CASE c.relreplident WHEN 'd' THEN x.indisprimary
                                    WHEN 'i' THEN x.indisreplident ELSE false END)
      AND EXISTS (
          SELECT FROM published p
          JOIN pg_catalog.pg_namespace n ON n.nspname = p.schema
          JOIN pg_catalog.pg_class r ON r.relnamespace = n.oid AND r.relname = p.name
          WHERE p.event = changed.event
            AND r.oid IN (SELECT c.oid UNION
                          SELECT relid FROM pg_catalog.pg_partition_ancestors(c.oid)))
)
SELECT found.kind, n.nspname::text, c.relname::text, found.name, found.of
FROM found JOIN pg_catalog.pg_class c ON c.oid = found.oid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
ORDER BY 1, 2, 3, 4
"""
)

_TRIGGERS: LiteralString = (
    "SELECT DISTINCT t.name FROM "
    + TRIGGERS
    + """ t
WHERE t.relation = ANY (%(oids)s::oid[]) AND NOT t.is_rule AND t.fires
  AND t.type & CASE %(event)s WHEN 'DELETE' THEN 8 ELSE 16 END <> 0
ORDER BY 1
"""
)

# Of the triggers those FOR EACH ROW, BEFORE (2) alone or AFTER as well.
_KEEPERS: LiteralString = (
    """
SELECT DISTINCT CASE WHEN t.is_rule THEN 'rule ' ELSE 'trigger ' END || t.name
FROM """
    + TRIGGERS
    + """ t
WHERE t.relation = ANY (%(oids)s::oid[]) AND t.fires AND t.type & 8 <> 0
  AND (t.is_rule OR t.type & 1 <> 0 AND (t.type & 2 <> 0 OR %(after)s))
ORDER BY 1
"""
)

_REPLICA_ROLE = """
SELECT s.source, current_database()::text FROM pg_catalog.pg_settings s
WHERE s.name = 'session_replication_role' AND s.setting = 'replica'
"""


def find(
    reader: Reader,
    event: Event,
    *,
    named: Iterable[int],
    keys: Iterable[int] = (),
    deleted: Iterable[int] = (),
    updated: Iterable[int] = (),
) -> list[Found]:
    """What stands in the way of `event` on the tables `named`.

    `deleted` and `updated` are the relations whose rows change, `keys` the foreign keys that have
    to act; all by oid.
    """
    values = {"named": named, "keys": keys, "deleted": deleted, "updated": updated}
    lists: dict[str, object] = {name: sorted(set(oids)) for name, oids in values.items()}
    rows = reader.read(_FOUND, lists | {"event": event})
    return [Found(Kind(kind), *rest) for kind, *rest in rows]


def triggers(reader: Reader, oids: Iterable[int], event: Event) -> list[str]:
    """The user's triggers that fire when rows of the relations `oids` are deleted or updated."""
    return [name for (name,) in reader.read(_TRIGGERS, {"oids": list(oids), "event": event})]


def keepers(reader: Reader, oids: Iterable[int], *, after: bool = False) -> list[str]:
    """The triggers and rules that can keep a row of `oids` from being deleted.

    `after`: with those that can only put it back, as they fire when it is gone.
    """
    return [name for (name,) in reader.read(_KEEPERS, {"oids": list(oids), "after": after})]


def replica_role(reader: Reader, role: str) -> str | None:
    """How to end session_replication_role = replica, under which foreign keys do not act.

    None where it is not set.
    """
    rows = reader.read(_REPLICA_ROLE)
    if not rows:
        return None
    ((source, database),) = rows
    who, where = sql.Identifier(role).as_string(), sql.Identifier(database).as_string()
    reset = "RESET session_replication_role;"
    statements = {
        "user": f"Run: ALTER ROLE {who} {reset}",
        "database": f"Run: ALTER DATABASE {where} {reset}",
        "database user": f"Run: ALTER ROLE {who} IN DATABASE {where} {reset}",
        "client": "Take it out of the options of the database URL (or of PGOPTIONS).",
    }
    return statements.get(source, f"Take it out of the {source}.")


# The catalog does not enter that something depends on a function of its own.
_STANDS: LiteralString = (
    """
WITH concerned(oid) AS (
    SELECT w.oid FROM unnest(%(oids)s::oid[]) AS w(oid)
    UNION
    SELECT t.relid::oid FROM unnest(%(oids)s::oid[]) AS w(oid)
    CROSS JOIN LATERAL pg_catalog.pg_partition_tree(w.oid) AS t
)
SELECT EXISTS (SELECT FROM """
    + TRIGGERS
    + """ t WHERE t.relation IN (TABLE concerned) AND (t.is_rule OR t.enabled <> 'D'))
    OR EXISTS (SELECT FROM pg_catalog.pg_attribute a
               JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
               LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typlen = -1
               WHERE a.attrelid IN (TABLE concerned) AND a.attnum > 0 AND NOT a.attisdropped
                 AND coalesce(e.typtype, t.typtype) IN ('b', 'd')
                 AND coalesce(e.typnamespace, t.typnamespace) <> 'pg_catalog'::regnamespace)
    OR EXISTS (SELECT FROM pg_catalog.pg_depend d
               WHERE d.refclassid = 'pg_catalog.pg_proc'::regclass AND (d.classid, d.objid) IN (
                   SELECT 'pg_catalog.pg_constraint'::regclass, k.oid
                   FROM pg_catalog.pg_constraint k WHERE k.conrelid IN (TABLE concerned)
                   UNION ALL
                   SELECT 'pg_catalog.pg_attrdef'::regclass, f.oid
                   FROM pg_catalog.pg_attrdef f WHERE f.adrelid IN (TABLE concerned)
                   UNION ALL
                   SELECT 'pg_catalog.pg_class'::regclass, x.indexrelid
                   FROM pg_catalog.pg_index x WHERE x.indrelid IN (TABLE concerned)))
"""
)


# Our variables are called so, and are looked for after the columns of a statement.
_RESERVED = """
SELECT a.attrelid::regclass::text, a.attname::text FROM pg_catalog.pg_attribute a
WHERE a.attrelid = ANY (%(oids)s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
  AND starts_with(a.attname::text, 'maint_') LIMIT 1
"""


def check_names(reader: Reader, oids: Iterable[int]) -> None:
    """Raise ConfigError where a column of a relation could be taken for a variable of ours."""
    for table, column in reader.read(_RESERVED, {"oids": sorted(oids)}):
        raise ConfigError(
            f"{table} has a column {column}, and names that begin with maint_ are maint's own in"
            " its SQL. Rename the column."
        )


def stands_on(reader: Reader, oids: Iterable[int]) -> bool:
    """Whether triggers, rules, types, or functions in constraints, of others than PostgreSQL."""
    ((stands,),) = reader.read(_STANDS, {"oids": sorted(oids)})
    return bool(stands)
