"""Whether the toolkit's tables are open to this role."""

from dataclasses import dataclass

from psycopg import sql

from maintcli.db import search_path
from maintcli.db.connect import Connection
from maintcli.errors import MissingPrivilege

_NEEDED = {
    "job_heartbeats": ("SELECT", "INSERT", "UPDATE"),
    "job_runs": ("SELECT", "INSERT", "UPDATE"),
    "job_slots": ("SELECT", "INSERT", "UPDATE"),
    "job_archives": ("SELECT", "INSERT", "UPDATE"),
    "job_erasures": ("SELECT", "INSERT", "UPDATE"),
    "maint_migrations": ("SELECT",),
}

_PRIVILEGES = """
SELECT current_user::text, has_schema_privilege(n.oid, 'USAGE'),
       ARRAY(SELECT p FROM unnest(%(privileges)s::text[]) WITH ORDINALITY AS w(p, n)
             WHERE NOT has_table_privilege(c.oid, p) ORDER BY w.n)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(table)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableCheck:
    """A table, the privileges that a run needs on it, and those that `role` lacks."""

    table: str
    role: str
    needed: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing


def check(connection: Connection, schema: str) -> list[TableCheck]:
    """What this role may do with the toolkit's tables, which are in `schema`."""
    return [_table(connection, schema, *needed) for needed in _NEEDED.items()]


def missing(schema: str, tables: list[TableCheck]) -> MissingPrivilege | None:
    """The error for the first privilege that is missing."""
    for table in tables:
        if table.missing:
            name = f"{schema}.{table.table}" if "USAGE" not in table.missing else f"SCHEMA {schema}"
            return MissingPrivilege(role=table.role, privilege=", ".join(table.missing), table=name)
    return None


def _table(connection: Connection, schema: str, table: str, needed: tuple[str, ...]) -> TableCheck:
    values = {"privileges": list(needed), "schema": schema, "table": table}
    query = sql.SQL(_PRIVILEGES)
    ((role, may_enter, lacking),) = search_path.run(connection, query, values)
    return TableCheck(
        table=table,
        role=role,
        needed=needed,
        missing=tuple(lacking) if may_enter else ("USAGE",),
    )
