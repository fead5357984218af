"""The tables and columns that a setting names, looked up in the catalog.

A column in a list is written `stored_files.owner` or `app.files.owner`; the table may be one of the
reference schema, for which [tables.KEY] may have another name, or any other.
"""

import re
from typing import LiteralString, NamedTuple

from psycopg import sql

from maintcli.config.messages import closest
from maintcli.config.tables import TableMap
from maintcli.db import names, toolkit
from maintcli.db.catalog import tables
from maintcli.db.catalog.tables import Column, Part, Reader, Table
from maintcli.db.names import Name
from maintcli.engines.base import protections
from maintcli.errors import ConfigError
from maintcli.runtime.context import Context
from maintcli.words import some

_PART = r'(?:"(?:[^"]|"")+"|[^\s".,()>]+)'
PATTERN = rf"((?:{_PART}\.)?{_PART})\.({_PART})"
COLUMN = rf"({_PART})"
_WHOLE = re.compile(rf"\s*{PATTERN}\s*")
_FAMILIES = (
    frozenset({"smallint", "integer", "bigint"}),
    frozenset({"text", "character varying"}),
)
# What this role may look into; a database may have very many.
_TABLES: LiteralString = """
SELECT n.nspname::text, c.relname::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND has_schema_privilege(n.oid, 'USAGE')
ORDER BY n.nspname = ANY (%(path)s) DESC, c.relname, n.nspname LIMIT 2000
"""


class Reference(NamedTuple):
    """A column as written; `table` is a key of [tables] or the name itself, `origin` where."""

    origin: str
    text: str
    table: str
    column: str


class Found(NamedTuple):
    """A column that is there, of a table whose rows can be seen."""

    map: TableMap
    table: Table
    column: Column

    def __str__(self) -> str:
        return f"{self.table}.{self.column.name}"


def parse(text: str, origin: str) -> Reference:
    """Read `table.column` or `schema.table.column`. Raises ConfigError."""
    match = _WHOLE.fullmatch(text)
    if match is None:
        raise ConfigError(
            f'{origin}: {text!r} names no column. Write "table.column" or "schema.table.column".'
        )
    return Reference(origin, text, match[1], unquoted(match[2]))


def unquoted(part: str) -> str:
    """A part of a name without its double quotes."""
    return part[1:-1].replace('""', '"') if part.startswith('"') else part


def find(context: Context, reference: Reference) -> Found:
    """Look up what `reference` names, by [tables] and the catalog.

    Raises ConfigError, MissingPrivilege.

    Hidden rows are refused: one that cannot be seen would count as one that is not there.
    """
    origin = reference.origin
    mapped, table = locate(context, reference)
    context.session.admit_code_on(table.oids)
    if table.kind not in tables.WITH_ROWS:
        raise _not_listable(origin, table)
    if odd := next((part for part in table.parts if part.kind != "table"), None):
        raise _not_listable(origin, odd)
    protections.check_rights(context, table)
    return Found(mapped, table, column(reference, mapped, table, reference.column))


def _not_listable(origin: str, found: Table | Part) -> ConfigError:
    return ConfigError(
        f"{origin}: {found} is a {found.kind}; only the rows of a table or a partitioned table can"
        " be looked at again under a lock. Name the table behind it."
    )


def locate(context: Context, reference: Reference) -> tuple[TableMap, Table]:
    """The table, and how the user calls it. Raises ConfigError."""
    key, origin = reference.table, reference.origin
    mapped = context.config.table(key)
    name = names.split(mapped.name or key, mapped.setting(key, "name") if mapped.name else origin)
    table = context.describe(name)
    if table is None:
        near, file = did_you_mean(context.session, name), context.config.where
        raise ConfigError(
            f"{origin}: {reference.text!r} names the table {name}, which does not exist{near}"
            f" Write the name as the database has it, or a key of [tables] in {file}."
        )
    refuse_own(context, table, origin)
    return mapped, table


def column(reference: Reference, mapped: TableMap, table: Table, name: str) -> Column:
    """The column that `mapped` calls `name`. Raises ConfigError."""
    real = mapped.column(name)
    names.check(real, reference.origin)
    if real not in table.columns:
        known = some(list(table.columns), 12)
        raise ConfigError(
            f"{reference.origin}: {reference.text!r} needs the column {real}, which {table!s}"
            f" does not have (it has: {known})."
        )
    return table.columns[real]


def check_types(origin: str, child: Found, parent: Found) -> None:
    """Raise ConfigError where no value of one column can be told to be that of the other."""
    types = {child.column.type, parent.column.type}
    if len(types) > 1 and not any(types <= family for family in _FAMILIES):
        raise ConfigError(
            f"{origin}: {child} is of type {child.column.type} and {parent} of type"
            f" {parent.column.type}, so the values of one cannot be found in the other. Name"
            " columns of the same type."
        )


def did_you_mean(reader: Reader, name: Name) -> str:
    """End a sentence about a missing table with the likely one: `; did you mean app.users?`.

    One of the same name in another schema comes first.
    """
    path = [name.schema] if name.schema else list(reader.schemas)
    known: dict[str, str] = {}
    for schema, table in reader.read(_TABLES, {"path": path}):
        is_found = schema in path and not name.schema
        known.setdefault(table, table if is_found else f"{schema}.{table}")
    near = name.table if name.table in known else closest(name.table, known, cutoff=0.75)
    return f"; did you mean {known[near]}?" if near is not None else "."


def own_table(context: Context, table: str) -> TableMap | None:
    """Find maint's own `table`, also without a ledger; None where it is not there.

    Raises ConfigError for a table of that name that maint did not create, or that was changed.
    """
    database = context.order.database
    schema = context.lease.schema if context.lease else database.schema
    schema = schema or next(iter(context.session.schemas), None)
    if context.lease is None:  # or that was looked at before the lease was taken
        toolkit.look(context.session.connection, schema).refuse_strangers(database.section)
    where = toolkit.place(context.session, schema, table)
    return TableMap(name=sql.Identifier(where, table).as_string()) if where else None


def refuse_own(context: Context, table: Table, setting: str) -> None:
    """Raise ConfigError if the table that `setting` names, or a part of it, belongs to maint.

    A user's table of the same name lacks its mark.
    """
    called = {table.name, *(part.table for part in table.parts)}
    if called.isdisjoint(toolkit.TABLES):
        return
    ((is_own,),) = context.session.read(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = ANY (%s)"
        " AND relname = ANY (%s) AND starts_with(obj_description(oid, 'pg_class'), %s))",
        [list(table.oids), list(toolkit.TABLES), toolkit.MARK],
    )
    if is_own:
        raise ConfigError(
            f"{setting} names {table}, which is a table of maint itself. Remove it there; the"
            " old rows of maint's run history are deleted by: maint cleanup-run-history"
        )
