"""The removal of orphans: a sweep whose predicate looks into the parent's table.

What holds at every instant: a row goes only while it is older than the grace age and has no
parent, in two looks, the second of which no uncommitted parent can escape.
See foreign_keys/seen.py.
"""

from collections.abc import Sequence
from functools import partial

from psycopg import sql

from maintcli.config.duration import Duration
from maintcli.engines.base.target import Elsewhere
from maintcli.engines.orphans import pair
from maintcli.engines.orphans.pair import Pair
from maintcli.engines.sweep import sweep as engine
from maintcli.engines.sweep.result import Swept
from maintcli.engines.sweep.task import Task, planned
from maintcli.runtime.context import Context


def sweep_orphans(context: Context, pairs: Sequence[str], grace: Duration) -> Swept:
    """Delete the rows of each pair's child that have been without a parent for `grace`.

    Raises what the sweep raises, and what errors.py has for pairs.
    """
    given = context.order.values.get("pairs")
    read = pair.parse(pairs, given.origin if given else context.job)
    return engine.carry_out(context, [partial(_prepare, context, one, grace) for one in read])


def _prepare(context: Context, one: Pair, grace: Duration) -> Task:
    target = pair.find(context, one, grace)
    assert target.elsewhere is not None  # noqa: S101  a pair looks into its parent
    if not target.elsewhere.quick:
        _warn(context, target.elsewhere)
    return planned(context, target)


def _warn(context: Context, parent: Elsewhere) -> None:
    """Say which index is missing, with the statement that makes it."""
    table, column = parent.table.quoted.as_string(), sql.Identifier(parent.column).as_string()
    context.log.warn(
        f"no index on {parent.table}.{parent.column}, so each look reads the whole table:"
        f" CREATE INDEX CONCURRENTLY ON {table} ({column});"
    )
