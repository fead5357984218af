"""Whether an integer column of times is in the unit that the configuration says.

Seconds that are taken for milliseconds all lie in January 1970, and make every row stale.
"""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import psycopg
from psycopg import sql

from maintcli.config.tables import TableMap
from maintcli.db.tables import Column, Part, Table
from maintcli.engines.clock import EPOCH_TYPES
from maintcli.errors import Refused
from maintcli.runtime.context import Context

_FROM: Final = int(datetime(1990, 1, 1, tzinfo=UTC).timestamp())
_UNTIL: Final = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp())
_LAST: Final = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())
_SECONDS = 1.0
_MOST = 10_000  # rows of a sample
_LAST_BLOCKS = 32
_OTHER: Final = {"s": "ms", "ms": "s"}
_SCALE: Final = {"s": 1, "ms": 1000}

# 0 and less stand for "never".
_NEWEST = sql.SQL("SELECT max({by}) FROM ONLY {part} WHERE {by} > 0")

# Without an index: what was written first, and what stands at the end.
_SAMPLE = sql.SQL("""SELECT max(maint_by) FROM (
    (SELECT {by} AS maint_by FROM ONLY {part} LIMIT {most})
    UNION ALL
    (SELECT {by} FROM ONLY {part} WHERE ctid >= {place}::tid LIMIT {most})
) AS maint_some WHERE maint_by > 0""")


def check(context: Context, table: Table, key: str, mapped: TableMap, by: Column) -> None:
    """Raise Refused where the newest value of `by` shows that the declared unit is another.

    That is a time before 1990; or one after 2200 that would be an everyday one in the other unit,
    so that a far "never" in the right unit passes. A look that takes over a second is given up.
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
        by=sql.Identifier(by.name),
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
