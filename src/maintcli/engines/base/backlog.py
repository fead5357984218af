"""What a sweep leaves behind when a budget ends it: counted, or estimated where that takes long."""

from collections.abc import Sequence
from typing import NamedTuple

import psycopg
from psycopg import sql

from maintcli.engines.base import count
from maintcli.engines.base.target import Target
from maintcli.runtime.context import Context

_MOST = 1_000_000
_SECONDS = 2.0
_SAMPLE_BLOCKS = 512


class Backlog(NamedTuple):
    """Stale rows that are left; `is_estimate` where only a sample of blocks was looked at."""

    rows: int
    is_estimate: bool


def measure(context: Context, targets: Sequence[Target]) -> Backlog | None:
    """The stale rows of all `targets`; None where not even a sample can be had in time."""
    whole = Backlog(0, is_estimate=False)
    for target in targets:
        found = _of(context, target)
        if found is None:
            return None
        whole = Backlog(whole.rows + found.rows, whole.is_estimate or found.is_estimate)
    return whole


def _of(context: Context, target: Target) -> Backlog | None:
    counted = count.aside(context, target, target.predicate, most=_MOST, seconds=_SECONDS)
    if counted is not None:
        return Backlog(counted, is_estimate=False)
    try:
        return Backlog(_sampled(context, target), is_estimate=True)
    except (psycopg.errors.QueryCanceled, psycopg.errors.FeatureNotSupported):
        context.stop.check()
        return None  # no time, or rows that are not stored in a heap


def _sampled(context: Context, target: Target) -> int:
    """Stale rows a block, in blocks chosen at random, times the blocks."""
    rows = 0.0
    for part in target.table.parts:
        percent = min(100.0, 100.0 * _SAMPLE_BLOCKS / max(part.blocks, 1))
        query = sql.SQL(
            "SELECT count(*) FROM ONLY {part} TABLESAMPLE SYSTEM ({percent}) WHERE {predicate}"
        ).format(part=part.quoted, percent=percent, predicate=target.predicate)
        ((found,),) = context.session.read_composed(query, statement_seconds=_SECONDS)
        rows += found * 100.0 / percent
    digits = len(str(int(rows)))
    return int(round(rows, 2 - digits))  # two of them are known, if that
