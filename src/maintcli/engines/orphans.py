"""Orphans: rows whose parent is gone, by pairs "child.column -> parent.column".

What holds at every instant: a row goes only while it is older than the grace age and has no
parent, in two looks, the second of which no uncommitted parent can escape. See
foreign_keys/recheck.py.
"""

import re
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from psycopg import sql

from maintcli.config.duration import Duration
from maintcli.db.catalog.tables import missing_grant
from maintcli.engines.base import reference, target
from maintcli.engines.base.reference import COLUMN, PATTERN, Found, Reference, unquoted
from maintcli.engines.base.stale import Stale
from maintcli.engines.base.target import Elsewhere, Target
from maintcli.engines.sweep import sweep as engine
from maintcli.engines.sweep.result import Swept
from maintcli.engines.sweep.task import Task, planned
from maintcli.errors import ConfigError
from maintcli.runtime.context import Context

_BY = "created_at"
_PAIR = re.compile(rf"\s*{PATTERN}\s*->\s*{PATTERN}(?:\s+by\s+{COLUMN})?\s*")

# The parent's column gets a name of ours, so that the child's, unqualified, is the child's even
# where both are called order_id.
_PARENTED = sql.SQL("""EXISTS (SELECT FROM (SELECT {key} AS maint_key FROM {parent}) AS maint_parent
    WHERE maint_key {equal} {column})""")

_ORPHANED = sql.SQL("({stale}) AND {column} IS NOT NULL AND NOT {parented}")


class Pair(NamedTuple):
    """A pair as written: where a child's parent is looked for, and what says the child's age."""

    child: Reference
    parent: Reference
    by: str

    @property
    def text(self) -> str:
        """The pair as the user wrote it."""
        return self.child.text


def parse(texts: Sequence[str], origin: str) -> list[Pair]:
    """Read every pair. Raises ConfigError."""
    return [_parse(text, origin) for text in texts]


def _parse(text: str, origin: str) -> Pair:
    match = _PAIR.fullmatch(text)
    if match is None:
        raise ConfigError(
            f'{origin}: {text!r} is not a pair. Write "child.column -> parent.column", with one'
            ' column on each side (keys of several columns cannot be followed), and "by column"'
            " after it where the child's age is not in created_at."
        )
    child, column, parent, key, by = match.groups()
    return Pair(
        child=Reference(origin, text, child, unquoted(column)),
        parent=Reference(origin, text, parent, unquoted(key)),
        by=unquoted(by) if by else _BY,
    )


def find(context: Context, pair: Pair, grace: Duration) -> Target:
    """Look both sides up, and compute the cutoff; the target's predicate is true of an orphan.

    Raises what errors.py has for either side.
    """
    origin = pair.child.origin
    child, parent = (reference.find(context, side) for side in (pair.child, pair.parent))
    if child.table.oid == parent.table.oid:
        raise ConfigError(
            f"{origin}: {pair.text!r} looks for parents in the child's own table, where every"
            " deleted row would leave new orphans. Leave it out; a foreign key with ON DELETE"
            " CASCADE keeps such a table whole."
        )
    reference.check_types(origin, child, parent)
    if not all(part.is_heap for part in child.table.parts):
        reason = f"{origin}: {child.table} is not stored in a heap, so it cannot be looked through."
        raise ConfigError(reason)
    by = reference.column(pair.child, child.map, child.table, pair.by)
    _check_lockable(context, parent)
    mapped = child.map._replace(columns={"age": by.name})
    aged = target.find(
        context, Stale(pair.child.table, "{age} < {cutoff}", "age", grace, map=mapped)
    )
    assert aged is not None  # noqa: S101  the table was found a moment ago, and is not optional
    return _parentless(aged, child, parent)


def _parentless(aged: Target, child: Found, parent: Found) -> Target:
    column, key = child.column.name, parent.column.name
    parented = _PARENTED.format(
        column=child.column.value(),
        equal=child.column.operator("="),
        key=parent.column.value(),
        parent=parent.table.quoted,
    )
    orphaned = _ORPHANED.format(
        stale=aged.predicate, column=sql.Identifier(column), parented=parented
    )
    elsewhere = Elsewhere(
        table=parent.table,
        column=key,
        whose=f"whose {column} is not in {parent}",
        found=parented,
        needs=(aged.by.name, column),
        quick=all(key in part.indexed for part in parent.table.parts),
    )
    return aged._replace(predicate=orphaned, age_alone=False, elsewhere=elsewhere)


# Before PostgreSQL 17 there is no MAINTAIN, and asking for it is an error.
_MAY_LOCK = """SELECT has_table_privilege(%(oid)s::oid, CASE
    WHEN current_setting('server_version_num')::int >= 170000
    THEN 'UPDATE, DELETE, TRUNCATE, MAINTAIN' ELSE 'UPDATE, DELETE, TRUNCATE' END)"""


def _check_lockable(context: Context, parent: Found) -> None:
    """Raise now, and not in the first batch, unless the role may LOCK in SHARE mode."""
    if context.dry_run:
        return
    ((may,),) = context.session.read(_MAY_LOCK, {"oid": parent.table.oid})
    if not may:
        raise missing_grant(parent.table.role, "UPDATE", parent.table.quoted)


def sweep_orphans(context: Context, pairs: Sequence[str], grace: Duration) -> Swept:
    """Delete the rows of each pair's child that have been without a parent for `grace`.

    Raises what the sweep raises, and what errors.py has for pairs.
    """
    given = context.order.values.get("pairs")
    read = parse(pairs, given.origin if given else context.job)
    return engine.carry_out(context, [partial(_prepare, context, one, grace) for one in read])


def _prepare(context: Context, one: Pair, grace: Duration) -> Task:
    target = find(context, one, grace)
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
