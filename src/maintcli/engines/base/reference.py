"""A column of some table as a user writes it in a list: `stored_files.owner`, `app.files.owner`.

The table may be one of the reference schema, which [tables.KEY] may call otherwise, or any other.
"""

import re
from typing import NamedTuple

from maintcli.config.tables import TableMap
from maintcli.db import names
from maintcli.db.catalog import tables
from maintcli.db.catalog.tables import Column, Part, Table
from maintcli.engines.base import own, protections
from maintcli.engines.base.meant import meant
from maintcli.errors import ConfigError
from maintcli.runtime.context import Context

_PART = r'(?:"(?:[^"]|"")+"|[^\s".,()>]+)'
PATTERN = rf"((?:{_PART}\.)?{_PART})\.({_PART})"
COLUMN = rf"({_PART})"
_WHOLE = re.compile(rf"\s*{PATTERN}\s*")
_FAMILIES = (
    frozenset({"smallint", "integer", "bigint"}),
    frozenset({"text", "character varying"}),
)


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
        near, file = meant(context.session, name), context.config.where
        raise ConfigError(
            f"{origin}: {reference.text!r} names the table {name}, which does not exist{near}"
            f" Write the name as the database has it, or a key of [tables] in {file}."
        )
    own.refuse(context, table, origin)
    return mapped, table


def column(reference: Reference, mapped: TableMap, table: Table, name: str) -> Column:
    """The column that `mapped` calls `name`. Raises ConfigError."""
    real = mapped.column(name)
    names.check(real, reference.origin)
    if real not in table.columns:
        known = ", ".join(list(table.columns)[:12])
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
