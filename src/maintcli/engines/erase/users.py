"""Whose data is to be erased: users who opted out and are not stamped, or of whom more is held."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from psycopg import sql

from maintcli.config.duration import Duration
from maintcli.db.catalog.tables import Column, missing_grant
from maintcli.engines.base import clock, target
from maintcli.engines.base.reference import Found
from maintcli.engines.base.stale import Stale
from maintcli.engines.base.target import Target
from maintcli.runtime.context import Context

_PAGE = 500

_DUE = sql.SQL("""SELECT maint_user.key::text, {counts}
FROM (SELECT {key} AS key FROM {users} WHERE {due} AND {key} IS NOT NULL{after}
      ORDER BY {key} LIMIT {page}) AS maint_user {certificates}
ORDER BY maint_user.key""")

# What was stamped is looked at again: the list may have grown since, or rows may have come.
_UNFINISHED = sql.SQL("({out}) AND ({stamp} IS NULL OR {held})")
_AFTER = sql.SQL(" AND {key} {above} {last}")
_CERTIFICATES = sql.SQL(
    "LEFT JOIN {erasures} AS e ON e.subject = maint_user.key::text AND e.erased_at IS NULL"
)
_MAY_STAMP = "SELECT has_column_privilege(%s::oid, %s, 'UPDATE')"


class User(NamedTuple):
    """A user by the key, as text; `counts` is what earlier runs have erased, by table."""

    key: str
    counts: dict[str, int]


class Users(NamedTuple):
    """The users' table. The predicate of `target` is true of one whose data is to be erased.

    `out` is true of a user who opted out long enough ago, stamped or not.
    """

    target: Target
    key: Column
    stamp: Column
    now: sql.Composable
    out: sql.Composable

    @property
    def found(self) -> Found:
        """The key, to be compared with a listed column."""
        return Found(self.target.map, self.target.table, self.key)

    def unless_empty(self, held: sql.Composable) -> "Users":
        """The same, with stamped users for whom `held` is still true."""
        stamp = sql.Identifier(self.stamp.name)
        predicate = _UNFINISHED.format(out=self.out, stamp=stamp, held=held)
        return self._replace(target=self.target._replace(predicate=predicate, age_alone=False))

    @property
    def due(self) -> sql.Composable:
        """Behind a column: whether it holds the key of such a user."""
        return sql.SQL("{equal} ANY (SELECT {key} FROM {users} WHERE {due})").format(
            equal=self.key.operator("="),
            key=self.key.value(),
            users=self.target.table.quoted,
            due=self.target.predicate,
        )

    def one(self, key: str) -> sql.Composable:
        """Behind a column: whether it holds this key."""
        return self.same(self._literal(key))

    def same(self, key: sql.Composable) -> sql.Composable:
        """Behind a column: whether it holds the value of `key`."""
        return sql.SQL("{} {}").format(self.key.operator("="), key)

    def all(self, context: Context) -> Iterator[User]:
        """Yield users in the order of their keys; each page is read when it is reached."""
        last: str | None = None
        while rows := context.session.read_composed(self._page(context, last)):
            for key, counts in rows:
                yield User(key, counts)
            last = rows[-1][0]

    def _page(self, context: Context, last: str | None) -> sql.Composable:
        key, above = self.key.value(), self.key.operator(">")
        after = sql.Composed([])
        if last is not None:
            after = _AFTER.format(key=key, above=above, last=self._literal(last))
        counts, certificates = sql.SQL("'{}'::json"), sql.Composed([])
        if context.lease:
            counts = sql.SQL("coalesce(e.counts, '{}')")
            erasures = context.lease.table("job_erasures")
            certificates = _CERTIFICATES.format(erasures=erasures)
        return _DUE.format(
            key=key,
            counts=counts,
            users=self.target.table.quoted,
            due=self.target.predicate,
            after=after,
            page=_PAGE,
            certificates=certificates,
        )

    def _literal(self, key: str) -> sql.Composable:
        kind: Any = self.key.type  # from the catalog
        return sql.SQL("{}::{}").format(key, sql.SQL(kind))


def find(context: Context, opted_out_for: Duration) -> Users:
    """Look up users, key and stamp; raises what errors.py has for names, times and privileges."""
    stale = Stale(
        table="users",
        where="{opted_out_at} < {cutoff}",
        by="opted_out_at",
        older_than=opted_out_for,
        show=("id",),
    )
    found = target.find(context, stale, deleting=False)
    assert found is not None  # noqa: S101  it is not optional
    stamp = found.column("data_erased_at")
    table = found.table
    if not context.dry_run:
        ((may,),) = context.session.read(_MAY_STAMP, [table.oid, stamp.name])
        if not may:
            column = sql.Identifier(stamp.name).as_string()
            raise missing_grant(table.role, f"UPDATE ({column})", table.quoted)
    now = clock.in_terms_of(table, "users", found.map, stamp, sql.SQL("clock_timestamp()"))
    users = Users(found, found.column("id"), stamp, now, out=found.predicate)
    return users.unless_empty(sql.SQL("false"))
