"""The privileges that a job needs on its tables, all at once, before any statement fails.

They are read from the catalog alone, which every role may read. A row lock needs UPDATE on one
column only; LOCK TABLE needs a privilege on the whole table.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from psycopg import sql

from maintcli.config.duration import Duration
from maintcli.db import toolkit
from maintcli.db.catalog import links as catalog
from maintcli.db.catalog.links import Links
from maintcli.db.catalog.tables import Reader, Table
from maintcli.engines import orphans
from maintcli.engines.base import reference, target
from maintcli.engines.base.stale import Stale
from maintcli.engines.erase import keys
from maintcli.engines.update import reap
from maintcli.runtime import lease
from maintcli.runtime.context import Context

_LEDGER = {
    "job_heartbeats": ("SELECT", "INSERT", "UPDATE"),
    "job_runs": ("SELECT", "INSERT", "UPDATE"),
    "job_slots": ("SELECT", "UPDATE"),
    "maint_migrations": ("SELECT",),
}
_CERTIFICATES = ("SELECT", "INSERT", "UPDATE")
_LOCKS_TABLES = ("UPDATE", "DELETE", "TRUNCATE", "MAINTAIN")  # the last from PostgreSQL 17

# One row a right: whether there is such a table, and this role has it. `column` '' is the table's.
_HELD = """
SELECT has_schema_privilege(n.oid, 'USAGE'),
       CASE WHEN r.column <> '' THEN has_column_privilege(c.oid, r.column, r.privilege)
            WHEN r.any_column THEN has_any_column_privilege(c.oid, r.privilege)
            ELSE has_table_privilege(c.oid, r.privilege) END
FROM unnest(%(schemas)s::text[], %(tables)s::text[], %(privileges)s::text[], %(columns)s::text[],
            %(any)s::boolean[])
     WITH ORDINALITY AS r(schema, name, privilege, "column", any_column, number)
JOIN pg_catalog.pg_namespace n ON n.nspname = r.schema
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = r.name
ORDER BY r.number
"""


class Right(NamedTuple):
    """A privilege on a table, or on one `column` of it.

    `locks_rows`: any column will do; `locks_table`: any privilege that lets a role lock the table.
    """

    schema: str
    table: str
    privilege: str
    column: str = ""
    locks_rows: bool = False
    locks_table: bool = False

    @property
    def quoted(self) -> str:
        """The table's name, quoted for a statement."""
        return sql.Identifier(self.schema, self.table).as_string()

    @property
    def shown(self) -> str:
        """The privilege as GRANT has it."""
        if not self.column:
            return self.privilege
        return f"{self.privilege} ({sql.Identifier(self.column).as_string()})"

    @property
    def enough(self) -> str:
        """The privileges for has_table_privilege(), of which one is enough."""
        return ", ".join(_LOCKS_TABLES[: 4 if self.privilege == "MAINTAIN" else 3])


def of_ledger(context: Context) -> Iterator[Right]:
    """What each run needs on the toolkit's tables, and maint readyz."""
    for table, privileges in _LEDGER.items():
        yield from _of_toolkit(context, table, *privileges)


def of_slot(context: Context) -> Iterator[Right]:
    """What a run needs to take one of the slots for concurrent runs."""
    if context.order.value("timeout").approx_seconds > lease.SLOT_EXEMPT_SECONDS:
        yield from _of_toolkit(context, "job_slots", "INSERT")


def _of_toolkit(context: Context, table: str, *privileges: str) -> Iterator[Right]:
    session, schema = context.session, context.order.database.schema
    if not context.order.is_recorded:
        return
    for place in [schema] if schema else session.schemas:
        if toolkit.place(session, place, table):
            yield from (Right(place, table, privilege) for privilege in privileges)
            return


def of_sweeps(context: Context, stales: Sequence[Stale]) -> Iterator[Right]:
    """What a sweep needs, also on the tables that it reaches."""
    for stale in stales:
        found = target.locate(context, stale)
        if found is not None:
            yield from _deleting(context, found[1])


def of_update(context: Context, stale: Stale, columns: Iterable[str]) -> Iterator[Right]:
    """What an update of those columns needs."""
    found = target.locate(context, stale)
    if found is not None:
        mapped, table = found
        yield from _updating(table, [mapped.column(name) for name in columns])


def of_reap(context: Context) -> Iterator[Right]:
    """What a reap needs: it updates those of its columns that the table has."""
    found = target.locate(context, Stale(reap.KEY, "", "", Duration()))
    if found is not None:
        mapped, table = found
        columns = [mapped.column(name) for name in reap.CHANGED]
        yield from _updating(table, [name for name in columns if name in table.columns])


def of_orphans(context: Context, pairs: Sequence[str], origin: str) -> Iterator[Right]:
    """What a sweep of orphans needs: it locks the parents' table for writers."""
    has_maintain = context.session.connection.info.server_version >= 170_000
    for one in orphans.parse(pairs, origin):
        _, child = reference.locate(context, one.child)
        _, parent = reference.locate(context, one.parent)
        yield from _deleting(context, child, locked=True)
        yield from _each(parent, "SELECT")
        privilege = "MAINTAIN" if has_maintain else "UPDATE"
        yield Right(parent.schema, parent.name, privilege, locks_table=True)


def of_erasure(context: Context, tables: Sequence[str], origin: str) -> Iterator[Right]:
    """What an erasure needs: it locks and stamps users, and deletes what is held of them."""
    mapped = context.config.table("users")
    found = target.locate(context, Stale("users", "", "", Duration()))
    assert found is not None  # noqa: S101  it is not optional
    users = found[1]
    yield from _each(users, "SELECT")
    yield Right(users.schema, users.name, "UPDATE", mapped.column("data_erased_at"))
    listed = [reference.locate(context, reference.parse(text, origin))[1] for text in tables]
    links = keys.find(context, *listed)
    for table in listed:
        yield from _each(table, "SELECT", "DELETE")
        yield from _lock_parts(table)
    for link in links.links:
        child = links.relations[link.child]
        yield Right(child.schema, child.table, "SELECT")
        if link.key.action == "CASCADE":
            yield Right(child.schema, child.table, "DELETE")
            yield _lock(child.schema, child.table, link.key.columns[0])
    yield from (_of_toolkit(context, "job_erasures", *_CERTIFICATES))


def _deleting(context: Context, table: Table, *, locked: bool = False) -> Iterator[Right]:
    yield from _each(table, "SELECT", "DELETE")
    parts = [part.oid for part in table.parts]
    if context.order.value("archive") is not None:
        locked = True
        yield from _of_toolkit(context, "job_archives", "INSERT")
    if locked:
        yield from _lock_parts(table)
    found = catalog.find(context.session, parts)
    if found is not None:
        yield from _below(found, set(parts))


def _below(links: Links, parts: set[int]) -> Iterator[Right]:
    """As engines/foreign_keys checks it."""
    for relation in links.relations.values():
        yield Right(relation.schema, relation.table, "SELECT")
    cascades = [link for link in links.links if link.key.action == "CASCADE"]
    go = parts | {link.child for link in cascades}
    for link in links.links:
        key = link.key
        for oid, columns in ((link.parent, key.parent_columns), (link.child, key.columns)):
            relation = links.relations[oid]
            if oid in go or key.action in {"SET NULL", "SET DEFAULT"}:
                yield _lock(relation.schema, relation.table, columns[0])
            if oid in go:
                yield Right(relation.schema, relation.table, "DELETE")


def _updating(table: Table, columns: Sequence[str]) -> Iterator[Right]:
    yield from _each(table, "SELECT")
    for part in table.parts:
        yield from (Right(part.schema, part.table, "UPDATE", name) for name in columns)


def _each(table: Table, *privileges: str) -> Iterator[Right]:
    names = {(table.schema, table.name), *((part.schema, part.table) for part in table.parts)}
    for schema, name in sorted(names):
        yield from (Right(schema, name, privilege) for privilege in privileges)


def _lock_parts(table: Table) -> Iterator[Right]:
    column = next(iter(table.columns))
    yield from (_lock(part.schema, part.table, column) for part in table.parts)


def _lock(schema: str, table: str, column: str) -> Right:
    return Right(schema, table, "UPDATE", column, locks_rows=True)


class Missing(NamedTuple):
    """Schemas that this role may not use, and the rights that it lacks."""

    schemas: tuple[str, ...]
    rights: tuple[Right, ...]

    def statements(self, role: str) -> list[str]:
        """The GRANTs that are needed: one for each schema, and one for each table."""
        to = sql.Identifier(role).as_string()
        found = [
            f"GRANT USAGE ON SCHEMA {sql.Identifier(schema).as_string()} TO {to};"
            for schema in self.schemas
        ]
        tables: dict[str, list[str]] = {}
        for right in self.rights:
            tables.setdefault(right.quoted, []).append(right.shown)
        return [
            *found,
            *(f"GRANT {', '.join(each)} ON {table} TO {to};" for table, each in tables.items()),
        ]


def needed(rights: Iterable[Right]) -> list[Right]:
    """The rights, each once, without a lock that another of them covers."""
    unique = sorted(set(rights))
    tables = {(right.schema, right.table, right.privilege) for right in unique if not right.column}
    updates = [one for one in unique if one.privilege == "UPDATE" and not one.locks_table]
    changed = {(one.schema, one.table) for one in updates if not one.locks_rows}
    locked: set[tuple[str, str]] = set()
    found: list[Right] = []
    for right in unique:
        of = (right.schema, right.table)
        if right.locks_table and (*of, "DELETE") in tables:
            continue
        if right.locks_rows and (of in changed or of in locked):
            continue
        locked |= {of} if right.locks_rows else set()
        found.append(right)
    return found


def missing(reader: Reader, rights: Sequence[Right]) -> Missing:
    """Which of `rights` this role lacks; all are on existing tables."""
    rows = reader.read(
        _HELD,
        {
            "schemas": [right.schema for right in rights],
            "tables": [right.table for right in rights],
            "privileges": [r.enough if r.locks_table else r.privilege for r in rights],
            "columns": ["" if r.locks_rows else r.column for r in rights],
            "any": [right.locks_rows for right in rights],
        },
    )
    held = list(zip(rights, rows, strict=True))
    return Missing(
        tuple(sorted({right.schema for right, (open_, _) in held if not open_})),
        tuple(right for right, (_, has) in held if not has),
    )
