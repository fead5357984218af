"""A moment in the terms of a user's time column: its type, its declared zone or unit."""

from collections.abc import Mapping
from typing import LiteralString

from psycopg import sql

from maintcli.config.tables import TableMap
from maintcli.db.tables import Column, Table
from maintcli.errors import ConfigError

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

    Raises ConfigError without a declared zone, and for a column that cannot hold a moment.
    """
    if column.type == "timestamp without time zone" and not mapped.timezone:
        setting = mapped.setting(key, "timezone")
        raise ConfigError(
            f"{table}.{column.name} is a timestamp without time zone, so its ages are"
            f' ambiguous. Say which zone it is written in: {setting} = "UTC" in {mapped.file}.'
        )
    if column.type not in _AS_COLUMN or (column.type in EPOCH_TYPES and not mapped.epoch):
        setting = mapped.setting(key, "epoch")
        raise ConfigError(
            f"{table}.{column.name} is of type {column.type}, which tells no age. Use a"
            f' timestamptz, a timestamp, a date, or an integer with {setting} = "s" or "ms" in'
            f" {mapped.file}."
        )
    return sql.SQL(_AS_COLUMN[column.type]).format(
        moment=moment,
        zone=sql.Literal(mapped.timezone or "UTC"),
        scale=sql.Literal(1000 if mapped.epoch == "ms" else 1),
    )
