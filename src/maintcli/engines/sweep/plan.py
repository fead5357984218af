"""Which way through a table: block ranges of the heap, or windows along an index.

Measured in docs/performance.md: block ranges win when more than a few percent of the rows are
stale, and they need no index; below that an index reaches the few rows sooner.
"""

from enum import StrEnum
from typing import NamedTuple

from psycopg import sql

from maintcli.db.catalog.tables import Part
from maintcli.engines.base.target import Target
from maintcli.errors import ConfigError
from maintcli.runtime.context import Context
from maintcli.runtime.shard import Shard

INDEX_BELOW = 0.03  # share of stale rows
_SMALL_BLOCKS = 256  # 2 MB: read through in one batch, whatever the plan
_SAMPLE_BLOCKS = 128


class Way(StrEnum):
    """How a part is swept."""

    HEAP = "heap"
    INDEX = "index"


class Plan(NamedTuple):
    """A part with its way, and why it was chosen; `stale_share` is None where nobody looked."""

    part: Part
    way: Way
    why: str
    stale_share: float | None = None


def choose(context: Context, target: Target, part: Part) -> Plan:
    """Choose by what a sample of blocks holds: statistics may be stale or absent."""
    column = target.by.name
    if target.elsewhere is not None:
        return Plan(part, Way.HEAP, f"the parents of its rows are in {target.elsewhere.table}")
    if context.shard is not None:
        return _shared(part, context.shard)
    if not part.is_heap:
        if column in part.indexed:
            return Plan(part, Way.INDEX, "its rows are not stored in a heap")
        reason = (
            f"{part} is not stored in a heap and has no index on {column}; create one to sweep it."
        )
        raise ConfigError(reason)
    if column not in part.indexed:
        return Plan(part, Way.HEAP, f"no index on {column} serves")
    if part.blocks <= _SMALL_BLOCKS:
        return Plan(part, Way.HEAP, "it is small")
    share = _sample(context, target, part)
    way = Way.INDEX if share < INDEX_BELOW else Way.HEAP
    return Plan(part, way, f"about {share:.1%} of its rows are stale", share)


def _shared(part: Part, shard: Shard) -> Plan:
    if not part.is_heap:
        reason = f"{part} is not stored in a heap, so --shard cannot divide it; leave that out."
        raise ConfigError(reason)
    return Plan(part, Way.HEAP, f"{shard.parts} processes share its blocks")


def _sample(context: Context, target: Target, part: Part) -> float:
    percent = min(100.0, 100.0 * _SAMPLE_BLOCKS / part.blocks)
    query = sql.SQL(
        "SELECT count(*) FILTER (WHERE {predicate}), count(*)"
        " FROM ONLY {part} TABLESAMPLE SYSTEM ({percent}) REPEATABLE (1)"
    ).format(predicate=target.predicate, part=part.quoted, percent=percent)
    ((stale, all_rows),) = context.session.read_composed(query)
    return stale / all_rows if all_rows else 0.0
