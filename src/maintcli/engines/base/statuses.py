"""The statuses of a user's table: their names there, and whether its column allows them.

A condition or a value names a status of the reference schema as `{'pending'}`.
"""

from collections.abc import Iterable, Mapping
from string import Formatter
from typing import Any, Final

import psycopg
from psycopg import sql

from maintcli.config.messages import bare
from maintcli.config.tables import STATUSES, TableMap
from maintcli.db import sqlstate
from maintcli.db.catalog.tables import Column, Table
from maintcli.errors import ConfigError
from maintcli.runtime.context import Context
from maintcli.words import some

COLUMN: Final = "status"

# Only a constraint on this column alone can be checked for a status alone.
_RULES: Final = """
SELECT k.conname::text, pg_get_constraintdef(k.oid),
       CASE WHEN k.contype = 'c' THEN pg_get_expr(k.conbin, k.conrelid) END,
       n.nspname::text, c.relname::text, f.attname::text
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND k.conkey = ARRAY[a.attnum]
LEFT JOIN pg_catalog.pg_class c ON c.oid = k.confrelid AND has_table_privilege(c.oid, 'SELECT')
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attribute f ON f.attrelid = k.confrelid AND k.confkey = ARRAY[f.attnum]
WHERE k.conrelid = ANY (%(tables)s::oid[]) AND a.attname = %(column)s
  AND (k.contype = 'c' OR (k.contype = 'f' AND c.oid IS NOT NULL))
ORDER BY k.conname, k.oid
"""
_MOST_SAID: Final = 200

# The statistics of a column with few values list them all, of whatever size the table is.
_COMMON: Final = """
SELECT DISTINCT v.value FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname
CROSS JOIN LATERAL unnest(s.most_common_vals::text::text[]) AS v(value)
WHERE c.oid = ANY (%(tables)s::oid[]) AND s.attname = %(column)s
"""
_FIRST: Final = sql.SQL(
    "SELECT DISTINCT {column}::text FROM (SELECT {column} FROM {table}"
    " WHERE {column} IS NOT NULL LIMIT 1000) AS first"
)
_ANY: Final = sql.SQL("SELECT EXISTS (SELECT FROM {table} WHERE {column}::text = ANY ({wanted}))")
_ANY_SECONDS: Final = 1.0
# A queue that worked has rows of these; it may have no pending or running ones at the moment.
_LASTING: Final = frozenset({"completed", "delivered", "received"})
_KNOWN: Final = frozenset({*STATUSES, "dead", "quarantined", "unparsed"})  # the reference schema's
_MOST_LISTED: Final = 12


def named(text: str) -> set[str]:
    """The statuses that `text`, a condition or a value of a job, names."""
    fields = [name or "" for _, name, _, _ in Formatter().parse(text)]
    return {name.strip("'") for name in fields if is_status(name)}


def is_status(field: str) -> bool:
    """Whether a field in braces is a status, and no column."""
    return field.startswith("'") and field.endswith("'")


def holes(mapped: TableMap, names: Iterable[str]) -> Mapping[str, sql.Literal]:
    """The literal in a condition for each of these statuses."""
    return {f"'{name}'": sql.Literal(mapped.status(name)) for name in names}


def check(context: Context, table: Table, key: str, mapped: TableMap, names: Iterable[str]) -> None:
    """Raise ConfigError unless the status column of `table` can hold each of `names`."""
    column = table.columns[mapped.column(COLUMN)]
    for name in sorted(names):
        if (why := _objection(context, table, column, mapped.status(name))) is not None:
            raise ConfigError(
                f"{table}.{column.name} cannot be {mapped.status(name)!r} ({why}). Name the"
                f' status of yours that means it: [tables.{key}.statuses] {name} = "…" in'
                f" {mapped.file}."
            )


def check_any(
    context: Context, table: Table, key: str, mapped: TableMap, names: Iterable[str]
) -> None:
    """The same unless it can hold at least one: a condition on none would never find a row."""
    wanted = sorted(names)
    for name in wanted[1:]:
        column = table.columns[mapped.column(COLUMN)]
        if _objection(context, table, column, mapped.status(name)) is None:
            return
    check(context, table, key, mapped, wanted[:1])


def warn_if_unknown(
    context: Context, table: Table, key: str, mapped: TableMap, names: Iterable[str]
) -> None:
    """Warn if no row has any of the statuses `names`, and rows have others that are unknown to
    maint: a job that looks for a status by a wrong name never finds a row.

    A transient one, like running, is missed only in a dry run, or if no status is known.
    """
    names = sorted(names)
    known = {mapped.status(name) for name in _KNOWN}
    found = _values(context, table, mapped)
    strange = found - known
    is_sure = context.dry_run or not _LASTING.isdisjoint(names) or strange == found
    wanted = [mapped.status(name) for name in names]
    if not strange or not is_sure or _any_has(context, table, mapped, wanted):
        return
    listed = some([bare(value) for value in sorted(found)], _MOST_LISTED)
    context.log.warn(
        f"no row of {table} has the status {' or '.join(wanted)}; it has {listed}."
        " If one of them means the same, name it:"
        f' [tables.{bare(key)}.statuses] {names[0]} = "…" in maint.toml'
    )


def _values(context: Context, table: Table, mapped: TableMap) -> set[str]:
    """The statuses that rows have, by the statistics, or else by the first rows."""
    column = mapped.column(COLUMN)
    values = {"tables": list(table.oids), "column": column}
    common = context.session.read(_COMMON, values)
    query = _FIRST.format(column=sql.Identifier(column), table=table.quoted)
    return {value.rstrip() for (value,) in common or context.session.read_composed(query)}


def _any_has(context: Context, table: Table, mapped: TableMap, wanted: list[str]) -> bool:
    """Whether a row has one of these statuses; False if that takes too long."""
    column = sql.Identifier(mapped.column(COLUMN))
    query = _ANY.format(table=table.quoted, column=column, wanted=wanted)
    try:
        ((found,),) = context.session.read_composed(query, statement_seconds=_ANY_SECONDS)
    except psycopg.errors.QueryCanceled:
        context.stop.check()
        return False
    return bool(found)


def _objection(context: Context, table: Table, column: Column, status: str) -> str | None:
    """Why `column` cannot hold `status`: its type, a CHECK, or a table that lists what it may."""
    # A cast to character would cut it to one letter.
    kind = "text" if column.type == "character" else column.declared
    of_type = sql.SQL("{}::{}").format(sql.Literal(status), sql.SQL(kind))  # pyright: ignore[reportArgumentType]  from the catalog
    try:
        context.session.read_composed(sql.SQL("SELECT {}").format(of_type))
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        return sqlstate.said(error, of_rows=False)
    values = {"tables": list(table.oids), "column": column.name}
    for rule, definition, expression, *listed in context.session.read(_RULES, values):
        if not _holds(context, column, of_type, expression, listed):
            return f"constraint {rule}: {definition[:_MOST_SAID]}"
    return None


def _holds(
    context: Context,
    column: Column,
    status: sql.Composable,
    expression: str | None,
    listed: list[Any],
) -> bool:
    name = sql.Identifier(column.name)
    if expression is not None:
        query = sql.SQL("SELECT ({rule}) IS NOT FALSE FROM (SELECT {status} AS {name}) AS given")
        query_text = query.format(rule=sql.SQL(expression), status=status, name=name)  # pyright: ignore[reportArgumentType]  from the catalog
    else:
        schema, relation, key = listed
        query = sql.SQL("SELECT EXISTS (SELECT FROM {list} WHERE {key} = {status})")
        query_text = query.format(
            list=sql.Identifier(schema, relation), key=sql.Identifier(key), status=status
        )
    ((holds,),) = context.session.read_composed(query_text)
    return bool(holds)
