"""A pair "child.column -> parent.column": read, looked up, and made a condition on the child."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from psycopg import sql

from maintcli.config.duration import Duration
from maintcli.db.links import ForeignKey
from maintcli.errors import ConfigError, MissingPrivilege, NotAPair, SelfPair
from maintcli.runtime.context import Context
from maintcli.work import keys, reference, target
from maintcli.work.reference import COLUMN, PATTERN, Found, Reference, unquoted
from maintcli.work.stale import Stale
from maintcli.work.target import Target

_BY = "created_at"
_PAIR = re.compile(rf"\s*{PATTERN}\s*->\s*{PATTERN}(?:\s+by\s+{COLUMN})?\s*")

# The parent's column gets a name of ours, so that the child's, unqualified, is the child's even
# where both are called order_id.
_PARENTLESS = sql.SQL("""({stale}) AND {column} IS NOT NULL AND NOT EXISTS (
    SELECT FROM (SELECT {key} AS maint_key FROM {parent}) AS maint_parent
    WHERE maint_key = {column})""")


class Pair(NamedTuple):
    """A pair as written: where a child's parent is looked for, and what says the child's age."""

    child: Reference
    parent: Reference
    by: str

    @property
    def text(self) -> str:
        """The pair as the user wrote it."""
        return self.child.text


class Bond(NamedTuple):
    """A pair that is there. The predicate of `target` is true of an orphan beyond its grace.

    `holders` are foreign keys that forbid to delete a child, `followers` those that cascade.
    """

    child: Found
    parent: Found
    target: Target
    holders: tuple[ForeignKey, ...]
    followers: tuple[ForeignKey, ...]

    def held(self, row: sql.Composable) -> sql.Composable:
        """SQL: whether rows that stay hold on to the child `row`, a table's name or alias."""
        tests = [keys.referred_to(holder, row) for holder in self.holders]
        return sql.SQL("({})").format(sql.SQL(" OR ").join(tests or [sql.SQL("false")]))

    @property
    def is_quick(self) -> bool:
        """Whether an index finds a parent; else each look reads its whole table."""
        name = self.parent.column.name
        return all(name in part.indexed for part in self.parent.table.parts)

    def __str__(self) -> str:
        return f"{self.child} -> {self.parent}"


def parse(texts: Sequence[str], origin: str) -> list[Pair]:
    """Read every pair. Raises NotAPair."""
    return [_parse(text, origin) for text in texts]


def _parse(text: str, origin: str) -> Pair:
    match = _PAIR.fullmatch(text)
    if match is None:
        raise NotAPair(origin=origin, text=text)
    child, column, parent, key, by = match.groups()
    return Pair(
        child=Reference(origin, text, child, unquoted(column)),
        parent=Reference(origin, text, parent, unquoted(key)),
        by=unquoted(by) if by else _BY,
    )


def find(context: Context, pair: Pair, grace: Duration) -> Bond:
    """Look both sides up, and compute the cutoff. Raises what errors.py has for either."""
    origin = pair.child.origin
    child, parent = (reference.find(context, side) for side in (pair.child, pair.parent))
    if child.table.oid == parent.table.oid:
        raise SelfPair(origin=origin, pair=pair.text)
    reference.check_types(origin, child, parent)
    if not all(part.is_heap for part in child.table.parts):
        reason = f"{origin}: {child.table} is not stored in a heap, so it cannot be looked through."
        raise ConfigError(reason=reason)
    by = reference.column(pair.child, child.map, child.table, pair.by)
    _check_lockable(context, parent)
    mapped = child.map._replace(columns={"age": by.name})
    aged = target.find(
        context, Stale(pair.child.table, "{age} < {cutoff}", "age", grace, map=mapped)
    )
    assert aged is not None  # noqa: S101  the table was found a moment ago, and is not optional
    referring = keys.referring(keys.find(context, child.table), child.table)
    return Bond(
        child=child,
        parent=parent,
        target=_parentless(aged, child, parent),
        holders=tuple(filter(keys.forbids, referring)),
        followers=tuple(filter(keys.cascades, referring)),
    )


def _parentless(aged: Target, child: Found, parent: Found) -> Target:
    predicate = _PARENTLESS.format(
        stale=aged.predicate,
        column=sql.Identifier(child.column.name),
        key=sql.Identifier(parent.column.name),
        parent=parent.table.quoted,
    )
    return aged._replace(predicate=predicate, age_alone=False)


# Before PostgreSQL 17 there is no MAINTAIN, and asking for it is an error.
_MAY_LOCK = """SELECT has_table_privilege(%(oid)s::oid, CASE
    WHEN current_setting('server_version_num')::int >= 170000
    THEN 'UPDATE, DELETE, TRUNCATE, MAINTAIN' ELSE 'UPDATE, DELETE, TRUNCATE' END)"""


def _check_lockable(context: Context, parent: Found) -> None:
    """SHARE mode needs more than SELECT; better said before than by the first batch."""
    if context.dry_run:
        return
    ((may,),) = context.session.read(_MAY_LOCK, {"oid": parent.table.oid})
    if not may:
        table, role = parent.table.quoted.as_string(), sql.Identifier(parent.table.role).as_string()
        raise MissingPrivilege(role=role, privilege="UPDATE", table=table)
