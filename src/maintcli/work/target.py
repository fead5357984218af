"""What a sweep is about: the user's table, its time column, the cutoff and the predicate."""

from collections.abc import Mapping
from datetime import datetime
from string import Formatter
from typing import LiteralString, NamedTuple

import psycopg
from psycopg import sql

from maintcli.config.duration import Duration
from maintcli.config.tables import TableMap
from maintcli.db import names, tables
from maintcli.db.tables import Column, Part, Table
from maintcli.errors import (
    ConfigError,
    HiddenRows,
    MissingPrivilege,
    NoSuchColumn,
    NoSuchTable,
    NotATime,
    NotSweepable,
    Refused,
    ZoneUndeclared,
)
from maintcli.runtime.context import Context
from maintcli.work.stale import Stale

_EPOCH_TYPES = ("bigint", "integer")
_AS_COLUMN: Mapping[str, LiteralString] = {
    "timestamp with time zone": "c",
    "timestamp without time zone": "c AT TIME ZONE %(zone)s",
    "date": "(c AT TIME ZONE %(zone)s)::date",
    "bigint": "floor(extract(epoch FROM c) * %(scale)s)::bigint",
    "integer": "floor(extract(epoch FROM c) * %(scale)s)::bigint",
}


class Target(NamedTuple):
    """A table to sweep. `predicate` is true of a stale row; `show` are columns to name it by.

    `final`: a stale row cannot become fresh again. `age_alone`: the predicate is `by < bound`.
    """

    key: str
    table: Table
    by: Column
    older_than: Duration
    cutoff: datetime
    bound: sql.Composable
    predicate: sql.Composable
    show: tuple[str, ...]
    final: bool
    age_alone: bool


def find(context: Context, stale: Stale) -> Target | None:
    """Resolve the reference names of a job through config and catalog, and compute the cutoff.

    None where the table does not exist and need not.
    """
    key = stale.table
    mapped = stale.map or context.config.table(key)
    table = _table(context, key, mapped, optional=stale.optional)
    if table is None:
        return None
    names_used = {stale.by, *stale.show, *_fields(stale.where)}
    columns = {name: _column(table, key, mapped, name) for name in names_used}
    by = columns[stale.by]
    moment, bound = _cutoff(context, key, mapped, table, by, stale.older_than)
    holes = {name: sql.Identifier(column.name) for name, column in columns.items()}
    predicate = sql.SQL(stale.where).format(**holes, cutoff=bound, table=table.quoted)
    if stale.also is not None:
        also = sql.SQL(stale.also)  # pyright: ignore[reportArgumentType]  allowed by allow-sql
        predicate = sql.SQL("({}) AND ({}\n)").format(predicate, also)
    return Target(
        key=key,
        table=table,
        by=by,
        older_than=stale.older_than,
        cutoff=moment,
        bound=bound,
        predicate=predicate,
        show=tuple(columns[name].name for name in stale.show),
        final=stale.final,
        age_alone=stale.also is None and stale.where == f"{{{stale.by}}} < {{cutoff}}",
    )


def _fields(where: str) -> set[str]:
    return {field for _, field, _, _ in Formatter().parse(where) if field} - {"cutoff", "table"}


def _table(context: Context, key: str, mapped: TableMap, *, optional: bool) -> Table | None:
    name = names.split(mapped.name or key, f"[tables.{key}] name" if mapped.name else key)
    table = tables.describe(context.session, name)
    if table is None and optional and not mapped.name:
        context.log.debug(f"there is no table {key}; passed over")
        return None
    if table is None:
        raise NoSuchTable(table=str(name), key=key)
    if table.kind not in {"table", "partitioned table"}:
        raise NotSweepable(table=str(table), kind=table.kind, key=key)
    for part in table.parts:
        if part.kind != "table":
            raise NotSweepable(table=str(part), kind=part.kind, key=key)
        if not part.can_select:
            raise _missing("SELECT", table, part)
        if not part.can_delete and not context.dry_run:
            raise _missing("DELETE", table, part)
    if hidden := next((p for p in table.parts if p.hides_rows or table.hides_rows), None):
        raise HiddenRows(table=str(hidden), role=table.role)
    return table


def _missing(privilege: str, table: Table, part: Part) -> MissingPrivilege:
    role, name = sql.Identifier(table.role).as_string(), part.quoted.as_string()
    return MissingPrivilege(role=role, privilege=privilege, table=name)


def _column(table: Table, key: str, mapped: TableMap, name: str) -> Column:
    real = mapped.columns.get(name, name)
    names.check(real, f"[tables.{key}.columns] {name}")
    if real not in table.columns:
        known = ", ".join(list(table.columns)[:12])
        raise NoSuchColumn(table=str(table), column=real, key=key, key_column=name, columns=known)
    return table.columns[real]


def _cutoff(
    context: Context, key: str, mapped: TableMap, table: Table, column: Column, age: Duration
) -> tuple[datetime, sql.Composable]:
    """The moment `age` ago by the database's clock, and the same in the column's own terms."""
    if column.type == "timestamp without time zone" and not mapped.timezone:
        raise ZoneUndeclared(table=str(table), column=column.name, key=key)
    if column.type not in _AS_COLUMN or (column.type in _EPOCH_TYPES and not mapped.epoch):
        raise NotATime(table=str(table), column=column.name, type=column.type, key=key)
    query = sql.SQL(
        "SELECT c, ({})::text FROM (SELECT now() - make_interval(months => %(months)s)"
        " - make_interval(secs => %(seconds)s) AS c) AS cutoff"
    ).format(sql.SQL(_AS_COLUMN[column.type]))
    values = {
        "months": age.months,
        "seconds": age.seconds,
        "zone": mapped.timezone or "UTC",
        "scale": 1000 if mapped.epoch == "ms" else 1,
    }
    try:
        ((moment, text),) = context.session.read_composed(query, values)
    except psycopg.errors.InvalidParameterValue:
        reason = (
            f'[tables.{key}] timezone = "{mapped.timezone}" is no time zone that PostgreSQL knows.'
        )
        raise ConfigError(reason=reason) from None
    except (psycopg.DataError, psycopg.errors.DatetimeFieldOverflow):
        raise Refused(
            reason=f"an age of {age} leads to no date that PostgreSQL can hold."
        ) from None
    return moment, sql.SQL("{}::{}").format(text, sql.SQL(column.type))  # pyright: ignore[reportArgumentType]  one of _AS_COLUMN
