"""A column of some table as a user writes it in a list: `stored_files.owner`, `app.files.owner`.

The table may be one of the reference schema, which [tables.KEY] may call otherwise, or any other.
"""

import re
from typing import NamedTuple

from maintcli.config.tables import TableMap
from maintcli.db import names, tables
from maintcli.db.tables import Column, Table
from maintcli.engines.base import own, protections
from maintcli.engines.base.meant import meant
from maintcli.errors import (
    DifferentTypes,
    NoColumnListed,
    NoTableListed,
    NotAColumn,
    NotListable,
)
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
    """Read `table.column` or `schema.table.column`. Raises NotAColumn."""
    match = _WHOLE.fullmatch(text)
    if match is None:
        raise NotAColumn(origin=origin, text=text)
    return Reference(origin, text, match[1], unquoted(match[2]))


def unquoted(part: str) -> str:
    """A part of a name without its double quotes."""
    return part[1:-1].replace('""', '"') if part.startswith('"') else part


def find(context: Context, reference: Reference) -> Found:
    """Look up what `reference` names, by [tables] and the catalog. Raises ConfigError, NotAllowed.

    Hidden rows are refused: one that cannot be seen would count as one that is not there.
    """
    origin = reference.origin
    mapped, table = locate(context, reference)
    context.session.admit_code_on(table.oids)
    if table.kind not in tables.WITH_ROWS:
        raise NotListable(origin=origin, table=str(table), kind=table.kind)
    if odd := next((part for part in table.parts if part.kind != "table"), None):
        raise NotListable(origin=origin, table=str(odd), kind=odd.kind)
    protections.check_rights(context, table)
    return Found(mapped, table, column(reference, mapped, table, reference.column))


def locate(context: Context, reference: Reference) -> tuple[TableMap, Table]:
    """The table, and how the user calls it. Raises NoTableListed."""
    key, origin = reference.table, reference.origin
    mapped = context.config.table(key)
    name = names.split(mapped.name or key, mapped.setting(key, "name") if mapped.name else origin)
    table = context.describe(name)
    if table is None:
        near, file = meant(context.session, name), context.config.where
        raise NoTableListed(
            origin=origin, text=reference.text, table=str(name), near=near, file=file
        )
    own.refuse(context, table, origin)
    return mapped, table


def column(reference: Reference, mapped: TableMap, table: Table, name: str) -> Column:
    """The column that `mapped` calls `name`. Raises NoColumnListed."""
    real = mapped.column(name)
    names.check(real, reference.origin)
    if real not in table.columns:
        known = ", ".join(list(table.columns)[:12])
        raise NoColumnListed(
            origin=reference.origin,
            text=reference.text,
            column=real,
            table=str(table),
            columns=known,
        )
    return table.columns[real]


def check_types(origin: str, child: Found, parent: Found) -> None:
    """Raise DifferentTypes where no value of one column can be told to be that of the other."""
    types = {child.column.type, parent.column.type}
    if len(types) > 1 and not any(types <= family for family in _FAMILIES):
        raise DifferentTypes(
            origin=origin,
            child=child,
            child_type=child.column.type,
            parent=parent,
            parent_type=parent.column.type,
        )
