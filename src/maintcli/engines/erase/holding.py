"""What is held of a user: the listed tables, and what goes with their rows, children first."""

from collections.abc import Sequence
from typing import NamedTuple, Optional

from psycopg import sql

from maintcli.db.catalog.links import ForeignKey, Links
from maintcli.db.catalog.tables import Column, Table
from maintcli.db.names import Name
from maintcli.engines.base import protections, reference
from maintcli.engines.erase import keys
from maintcli.engines.erase.users import Users
from maintcli.errors import ConfigError
from maintcli.runtime.context import Context

ROW = sql.Identifier("maint_row")

_WITHIN = sql.SQL("EXISTS (SELECT FROM {among} AND {match})")

# A row goes with the one that it refers to in its own table, and so on, also in a circle.
_PLACE = sql.SQL("({row}.tableoid, {row}.ctid)")
_MINE = sql.SQL("""WITH RECURSIVE {mine} (relation, place) AS (
    SELECT {first}.tableoid, {first}.ctid FROM {table} AS {first} WHERE {directly}
    UNION
    SELECT next.relation, next.place FROM {mine} AS r CROSS JOIN LATERAL ({steps}) AS next
) SELECT relation, place FROM {mine}""")
_STEP = sql.SQL("""SELECT c.tableoid AS relation, c.ctid AS place
    FROM {table} AS p JOIN {table} AS c ON {match}
    WHERE p.tableoid = r.relation AND p.ctid = r.place""")
_AMONG = sql.SQL("""({mine}) AS {alias} JOIN {table} AS {row}
    ON {row}.tableoid = {alias}.relation AND {row}.ctid = {alias}.place WHERE true""")
_UP = sql.SQL("""SELECT p.tableoid AS relation, p.ctid AS place
    FROM {table} AS p JOIN {table} AS c ON {match}
    WHERE c.tableoid = r.relation AND c.ctid = r.place""")
_HAS_OWN = sql.SQL("""EXISTS (SELECT FROM {table} AS maint_holder WHERE {match}
    AND (maint_holder.tableoid, maint_holder.ctid) NOT IN (
        WITH RECURSIVE maint_up (relation, place) AS (
            SELECT {row}.tableoid, {row}.ctid
            UNION
            SELECT next.relation, next.place
            FROM maint_up AS r CROSS JOIN LATERAL ({steps}) AS next
        ) SELECT relation, place FROM maint_up))""")
# The key is of the query around: in a FROM of its own it cannot mean a column of {table}.
_HELD = sql.SQL(
    "EXISTS (SELECT FROM (SELECT {key}) AS maint_user (key), {table} AS {row} WHERE {belongs})"
)


class Holding(NamedTuple):
    """Rows of `table` that belong to a user: by its `column`, or with a row of `above`, by `key`.

    `holders` are foreign keys that forbid to delete a row, `below` those that cascade to a holding
    of their own, whose rows go first, `own` those that cascade within the table.
    """

    table: Table
    column: Column | None
    above: Optional["Holding"]
    key: ForeignKey | None
    holders: tuple[ForeignKey, ...]
    below: tuple[ForeignKey, ...]
    own: tuple[ForeignKey, ...]

    def belongs(self, row: sql.Composable, whose: sql.Composable) -> sql.Composable:
        """SQL: whether `row`, an alias, is of the user or users that `whose` compares a key with.

        `whose` stands behind a column: `= 42`, or `IN (SELECT …)`.
        """
        if not self.own:
            return self.directly(row, whose)
        return sql.SQL("{} IN ({})").format(_PLACE.format(row=row), self._mine(whose, 1))

    def directly(
        self, row: sql.Composable, whose: sql.Composable, depth: int = 1
    ) -> sql.Composable:
        """SQL: the same, whatever `row` refers to in its own table."""
        if self.column is not None:
            return sql.SQL("{} {}").format(self.column.value(row), whose)
        assert self.above is not None and self.key is not None  # noqa: S101, PT018  goes with it
        alias = sql.Identifier(f"maint_above_{depth}")
        among = self.above.among(alias, whose, depth + 1)
        return _WITHIN.format(among=among, match=keys.match(self.key, row, alias))

    def among(self, row: sql.Composable, whose: sql.Composable, depth: int = 1) -> sql.Composable:
        """SQL behind FROM: all such rows, as `row`; further conditions can follow by AND."""
        table = self.table.quoted
        if not self.own:
            directly = self.directly(row, whose, depth)
            return sql.SQL("{} AS {} WHERE {}").format(table, row, directly)
        alias = sql.Identifier(f"maint_found_{depth}")
        return _AMONG.format(mine=self._mine(whose, depth), alias=alias, table=table, row=row)

    def held(self, row: sql.Composable) -> sql.Composable:
        """SQL: whether rows that are there refer to `row`, so that it cannot go, or not yet.

        Of the table's own those do not count that `row` refers to itself, which go with it.
        """
        tests = [keys.referred_to(key, row) for key in (*self.holders, *self.below)]
        holder = sql.Identifier("maint_holder")
        tests += [
            _HAS_OWN.format(
                table=self.table.quoted,
                row=row,
                match=keys.match(key, holder, row),
                steps=self._steps(_UP),
            )
            for key in self.own
        ]
        return sql.SQL("({})").format(sql.SQL(" OR ").join(tests or [sql.SQL("false")]))

    def _mine(self, whose: sql.Composable, depth: int) -> sql.Composable:
        first = sql.Identifier(f"maint_first_{depth}")
        return _MINE.format(
            mine=sql.Identifier(f"maint_mine_{depth}"),
            first=first,
            table=self.table.quoted,
            directly=self.directly(first, whose, depth),
            steps=self._steps(_STEP),
        )

    def _steps(self, step: sql.SQL) -> sql.Composable:
        child, parent = sql.Identifier("c"), sql.Identifier("p")
        return sql.SQL(" UNION ALL ").join(
            step.format(table=self.table.quoted, match=keys.match(key, child, parent))
            for key in self.own
        )

    @property
    def missing_index(self) -> str | None:
        """The statement that makes the index to a user's rows; None where it is there."""
        columns = self.key.columns if self.key else (self.column.name if self.column else "",)
        if all(columns[0] in part.indexed for part in self.table.parts):
            return None
        names = ", ".join(sql.Identifier(name).as_string() for name in columns)
        how = "CONCURRENTLY " if self.table.kind == "table" else ""
        return f"CREATE INDEX {how}ON {self.table.quoted.as_string()} ({names});"


def find(context: Context, texts: Sequence[str], origin: str, users: Users) -> list[Holding]:
    """Look up the listed columns and what goes with their rows.

    Raises ConfigError, MissingPrivilege.
    """
    listed = [reference.find(context, reference.parse(text, origin)) for text in texts]
    for one in listed:
        reference.check_types(origin, one, users.found)
        _check(context, one.table)
    found = keys.find(context, *(one.table for one in listed))
    tables_ = [one.table for one in listed]
    protections.check(context, tables_, found, updated=[users.target.table])
    holdings: list[Holding] = []
    for one in listed:
        _refuse_users(origin, one.table, users)
        top = _holding(found, one.table, one.column, None, None)
        holdings += _with_below(context, found, top, users, (one.table.oid,))
    return _children_first(holdings, found)


def any_of(holdings: Sequence[Holding], users: Users) -> sql.Composable:
    """SQL, in a query of the users: whether a listed table holds a row of one."""
    whose = users.same(sql.SQL("maint_user.key"))
    tests: list[sql.Composable] = [
        _HELD.format(
            key=users.key.value(),
            table=one.table.quoted,
            row=ROW,
            belongs=one.directly(ROW, whose),
        )
        for one in holdings
        if one.above is None
    ]
    return sql.SQL("({})").format(sql.SQL(" OR ").join(tests or [sql.SQL("false")]))


def _holding(
    found: Links, table: Table, column: Column | None, above: Holding | None, key: ForeignKey | None
) -> Holding:
    referring = keys.referring(found, table)
    return Holding(
        table=table,
        column=column,
        above=above,
        key=key,
        holders=tuple(filter(keys.forbids, referring)),
        below=tuple(k for k in referring if keys.cascades(k) and not keys.is_own(k, table)),
        own=tuple(k for k in referring if keys.cascades(k) and keys.is_own(k, table)),
    )


def _with_below(
    context: Context, found: Links, top: Holding, users: Users, path: tuple[int, ...]
) -> list[Holding]:
    """`top`, and what goes with its rows; a way back to a table above is left to PostgreSQL."""
    below: list[Holding] = []
    followed: list[ForeignKey] = []
    for key in top.below:
        table = context.describe(Name(key.schema, key.table))
        assert table is not None  # noqa: S101  the catalog named it a moment ago
        _refuse_users(f"a foreign key from {key.child} to {top.table}", table, users)
        if table.oid in path:
            continue
        followed.append(key)
        _check(context, table)
        child = _holding(found, table, None, top, key)
        below += _with_below(context, found, child, users, (*path, table.oid))
    return [*below, top._replace(below=tuple(followed))]


def _refuse_users(origin: str, table: Table, users: Users) -> None:
    if table.oid == users.target.table.oid:
        reason = (
            f"{origin}: {table} are the users themselves, whose rows stay and are stamped. Take it"
            " out of the list, or change the foreign key that deletes them."
        )
        raise ConfigError(reason)


def _check(context: Context, table: Table) -> None:
    protections.check_rights(context, table, delete=True)
    for part in table.parts:
        if not part.can_lock and not context.dry_run:
            raise protections.missing("UPDATE", part, table.role)


def _children_first(holdings: Sequence[Holding], found: Links) -> list[Holding]:
    """Each table behind those that refer to it; where they go in a circle, as listed."""
    by_name = {str(holding.table): holding.table for holding in holdings}
    ordered: list[str] = []
    seen: set[str] = set()

    def visit(name: str) -> None:
        if name in seen or name not in by_name:
            return
        seen.add(name)
        for key in keys.referring(found, by_name[name]):
            visit(key.child)
        ordered.append(name)

    for name in by_name:
        visit(name)
    return sorted(holdings, key=lambda holding: ordered.index(str(holding.table)))
