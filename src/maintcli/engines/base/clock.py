"""A user's time column: a moment in its type and unit, and a check of the declared unit."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, LiteralString

import psycopg
from psycopg import sql

from maintcli.config.tables import TableMap
from maintcli.db.catalog.tables import Column, Part, Table
from maintcli.errors import ConfigError, Refused
from maintcli.runtime.context import Context

EPOCH_TYPES = ("bigint", "integer")
_AS_COLUMN: Mapping[str, LiteralString] = {
    "timestamp with time zone": "{moment}",
    "timestamp without time zone": "({moment}) AT TIME ZONE {zone}",
    "date": "(({moment}) AT TIME ZONE {zone})::date",
    "bigint": "floor(extract(epoch FROM {moment}) * {scale}::numeric)::bigint",
    "integer": "floor(extract(epoch FROM {moment}) * {scale}::numeric)::bigint",
}
TIME_TYPES = frozenset(_AS_COLUMN)


def in_terms_of(
    table: Table, key: str, mapped: TableMap, column: Column, moment: sql.Composable
) -> sql.Composable:
    """SQL for `moment`, a timestamptz, as `column` of `[tables.key]` would hold it.

    Raises ConfigError, and ConfigError for a column that cannot hold one.
    """
    if column.type == "timestamp without time zone" and not mapped.timezone:
        setting = mapped.setting(key, "timezone")
        raise ConfigError(
            f"{table!s}.{column.name} is a timestamp without time zone, so its ages are"
            f' ambiguous. Say which zone it is written in: {setting} = "UTC" in {mapped.file}.'
        )
    if column.type not in _AS_COLUMN or (column.type in EPOCH_TYPES and not mapped.epoch):
        setting = mapped.setting(key, "epoch")
        raise ConfigError(
            f"{table!s}.{column.name} is of type {column.type}, which is not a time. Use a"
            f' timestamptz, a timestamp, a date, or an integer with {setting} = "s" or "ms" in'
            f" {mapped.file}."
        )
    return sql.SQL(_AS_COLUMN[column.type]).format(
        moment=moment,
        zone=sql.Literal(mapped.timezone or "UTC"),
        scale=sql.Literal(1000 if mapped.epoch == "ms" else 1),
    )


def moment_of(table: Table, key: str, mapped: TableMap, column: Column) -> sql.Composable:
    """SQL for the value of `column` as a timestamptz. Raises what `in_terms_of` raises."""
    in_terms_of(table, key, mapped, column, sql.SQL("NULL"))  # the same columns are refused
    value = column.value()
    if column.type in EPOCH_TYPES:
        scale = 1000.0 if mapped.epoch == "ms" else 1.0
        return sql.SQL("pg_catalog.to_timestamp({}::float8 / {})").format(value, sql.Literal(scale))
    if column.type == "timestamp with time zone":
        return value
    zone = sql.Literal(mapped.timezone or "UTC")
    return sql.SQL("({}::timestamp AT TIME ZONE {})").format(value, zone)


_FROM: Final = int(datetime(1990, 1, 1, tzinfo=UTC).timestamp())
_UNTIL: Final = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp())
_LAST: Final = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())
_SECONDS = 1.0
_MOST = 10_000  # rows of a sample
_LAST_BLOCKS = 32
_OTHER: Final = {"s": "ms", "ms": "s"}
_SCALE: Final = {"s": 1, "ms": 1000}

# 0 and less mean "never".
_NEWEST = sql.SQL("SELECT pg_catalog.max({by}) FROM ONLY {part} WHERE {by} > 0")

# Without an index: the first rows, and the rows in the last blocks.
_SAMPLE = sql.SQL("""SELECT pg_catalog.max(maint_by) FROM (
    (SELECT {by} AS maint_by FROM ONLY {part} LIMIT {most})
    UNION ALL
    (SELECT {by} FROM ONLY {part} WHERE ctid >= {place}::tid LIMIT {most})
) AS maint_some WHERE maint_by > 0""")


def check_unit(context: Context, table: Table, key: str, mapped: TableMap, by: Column) -> None:
    """Raise Refused if the newest value of `by` shows that the declared unit is wrong.

    That is a time before 1990; or one after 2200 that would be a usual one in the other unit, so
    that a distant "never" in the right unit passes. A look of over a second is given up.
    """
    if by.type not in EPOCH_TYPES or mapped.epoch is None:
        return
    newest = max((_newest(context, part, by) for part in table.parts), default=0)
    if not newest:
        return
    unit, other = mapped.epoch, _OTHER[mapped.epoch]
    seconds, else_seconds = newest / _SCALE[unit], newest / _SCALE[other]
    if seconds < _FROM:
        side = "before 1990"
    elif seconds >= _UNTIL and _FROM <= else_seconds < _UNTIL:
        side = "after 2200"
    else:
        return
    raise Refused(
        f'{mapped.setting(key, "epoch")} = "{unit}" in maint.toml makes the newest'
        f" {table}.{by.name} a time {side} ({_moment(seconds)}); set it to the unit that the column"
        f' is in ("{other}"?). Nothing was changed.'
    )


def _newest(context: Context, part: Part, by: Column) -> int:
    query = _NEWEST if by.name in part.indexed else _SAMPLE
    filled = query.format(
        by=by.value(),
        part=part.quoted,
        most=_MOST,
        place=sql.Literal(f"({max(0, part.blocks - _LAST_BLOCKS)},0)"),
    )
    with suppress(psycopg.errors.QueryCanceled):
        ((found,),) = context.session.read_composed(filled, statement_seconds=_SECONDS)
        return int(found or 0)
    context.stop.check()
    return 0


def _moment(seconds: float) -> str:
    if seconds > _LAST:
        return "far beyond the year 9999"
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
