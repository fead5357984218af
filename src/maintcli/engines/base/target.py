"""The target of a run: the user's table, its age column, the cutoff and the predicate."""

from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from contextlib import contextmanager
from datetime import datetime
from string import Formatter
from typing import TYPE_CHECKING, NamedTuple

import psycopg
from psycopg import sql

from maintcli.config.duration import Duration
from maintcli.config.tables import TableMap
from maintcli.db import names
from maintcli.db.catalog import tables
from maintcli.db.catalog.tables import Column, Part, Table
from maintcli.engines.base import clock, condition, protections, reference, statuses
from maintcli.engines.base.stale import Stale
from maintcli.errors import ConfigError, NoSuchColumn, Refused
from maintcli.runtime.context import Context
from maintcli.runtime.log import Log
from maintcli.words import many, moment, some

if TYPE_CHECKING:
    from maintcli.db.catalog.links import Links


class Elsewhere(NamedTuple):
    """Another table, into whose `column` a predicate looks, and which a batch locks for writers.

    `whose` says as a clause what makes a row stale, `found` is true of a row that has there what a
    stale one misses, `needs` are the row's own columns. `quick`: an index finds the value.
    """

    table: Table
    column: str
    whose: str
    found: sql.Composable
    needs: tuple[str, ...]
    quick: bool


class Target(NamedTuple):
    """A table to sweep. `predicate` is true of a stale row; `show` are columns to name it by.

    `final`: a stale row cannot become fresh again. `age_alone`: the predicate is `by < bound`.
    `map` is the user's mapping of names, `origin` where the age was set (None: a job's option),
    `elsewhere` the other table that the predicate looks into, if any.
    `also` is the user's own condition, which is in the predicate.
    """

    key: str
    table: Table
    by: Column
    older_than: Duration
    cutoff: datetime
    bound: sql.Composable
    predicate: sql.Composable
    show: tuple[str, ...]
    final: bool
    age_alone: bool
    map: TableMap
    origin: str | None = None
    elsewhere: Elsewhere | None = None
    also: str | None = None

    @property
    def title(self) -> str:
        """The table, and the rule of maint.toml that brought it."""
        return f"{self.table} ({self.map.rule})" if self.map.rule else str(self.table)

    @property
    def whose(self) -> str:
        """What makes a row stale besides its age, as a clause to append; may be empty."""
        return f" {self.elsewhere.whose}" if self.elsewhere else ""

    def old(self, *, with_rule: bool = False) -> str:
        """The table and its cutoff, as in `rows of …`; `with_rule` names the rule as well."""
        title = self.title if with_rule else self.table
        return f"{title} older than {moment(self.cutoff)}{self.whose}"

    def without(self, oids: Collection[int]) -> "Target":
        """The same without the parts in `oids`."""
        parts = tuple(part for part in self.table.parts if part.oid not in oids)
        return self._replace(table=self.table._replace(parts=parts))

    def within(self, oids: Collection[int]) -> "Target":
        """The same with only the parts in `oids`."""
        return self.without({part.oid for part in self.table.parts} - set(oids))

    def bound_for(self, context: Context, age: Duration) -> sql.Composable:
        """The cutoff for another `age`, in the column's own type."""
        return _cutoff(context, self.key, self.map, self.table, self.by, age)[1]

    def column(self, name: str) -> Column:
        """The table's column that stands for `name` in the reference schema."""
        return _column(self.table, self.key, self.map, name)


class Root(NamedTuple):
    """A table whose stale rows are deleted, and the foreign keys that lead to what goes with them.

    `links` is None where they were not looked up, as nothing refers to the table.
    """

    target: Target
    links: "Links | None"


@contextmanager
def log_changes(
    log: Log, rows: Iterable[str], counts: Callable[[], Mapping[str, int]], verb: str = "delete"
) -> Generator[None]:
    """Log which rows a real run changes, before the first; at the end, how many of each table.

    `counts` is asked even when the run fails. `verb` is what is done to the rows, ending in e.
    """
    for one in dict.fromkeys(rows):
        log.info(f"{verb[:-1]}ing {one}")
    try:
        yield
    finally:
        for table, number in counts().items():
            log.info(f"{verb}d {many(number)} of {table}")


def find(context: Context, stale: Stale, *, deleting: bool = True) -> Target | None:
    """Resolve the reference names of a job through config and catalog, and compute the cutoff.

    None for an optional table that does not exist. Without `deleting` its rows are only updated.
    """
    key = stale.table
    found = locate(context, stale)
    if found is None:
        return None
    mapped, table = found
    check_parts(context, table, key, mapped, deleting=deleting)
    names_used = {stale.by, *stale.show, *_fields(stale.where)}
    columns = {name: _column(table, key, mapped, name) for name in names_used}
    by = columns[stale.by]
    moment, bound = _cutoff(context, key, mapped, table, by, stale.older_than)
    clock.check_unit(context, table, key, mapped, by)
    named = statuses.named(stale.where)
    if named:
        statuses.check_any(context, table, key, mapped, named)
        statuses.warn_if_unknown(context, table, key, mapped, named)
    holes: dict[str, sql.Composable] = {
        **{name: column.value() for name, column in columns.items()},
        **statuses.holes(mapped, named),
    }
    predicate = sql.SQL(stale.where).format(**holes, cutoff=bound, table=table.quoted)
    if stale.also is not None:
        also: sql.Composable = sql.SQL(stale.also)  # pyright: ignore[reportArgumentType]  allowed by allow-sql
        if stale.own:
            also = sql.SQL(stale.also).format(schema=sql.Identifier(table.schema))  # pyright: ignore[reportArgumentType]  a job's own
        else:
            context.session.runs_code_of_users = True
        condition.check(context, table, also, mapped.setting(key, "where"))
        also = condition.of_parts(table, also)
        predicate = sql.SQL("({}) AND ({}\n)").format(predicate, also)
    return Target(
        key=key,
        table=table,
        by=by,
        older_than=stale.older_than,
        cutoff=moment,
        bound=bound,
        predicate=predicate,
        show=tuple(dict.fromkeys(columns[name].name for name in stale.show)),
        final=stale.final,
        age_alone=stale.also is None and stale.where == f"{{{stale.by}}} < {{cutoff}}",
        map=mapped,
        origin=stale.origin,
        also=None if stale.own else stale.also,
    )


def _fields(where: str) -> set[str]:
    fields = {field for _, field, _, _ in Formatter().parse(where) if field}
    return {field for field in fields if not statuses.is_status(field)} - {"cutoff", "table"}


def locate(context: Context, stale: Stale) -> tuple[TableMap, Table] | None:
    """The table with its mapping; None for an optional one that does not exist."""
    key = stale.table
    mapped = stale.map or (
        reference.own_table(context, key) if stale.own else context.config.table(key)
    )
    if mapped is None:
        context.log.debug(f"maint's own table {key} does not exist yet; skipped")
        return None
    name = names.split(mapped.name or key, mapped.setting(key, "name") if mapped.name else key)
    table = context.describe(name)
    if table is None and stale.optional and not mapped.name:
        context.log.debug(f"there is no table {key}; skipped")
        return None
    if table is None:
        setting, near = mapped.setting(key, "name"), reference.did_you_mean(context.session, name)
        raise ConfigError(
            f"There is no table {name!s}{near} Name yours in {mapped.file}: {setting} ="
            ' "schema.table".'
        )
    if not stale.own:
        reference.refuse_own(context, table, f"{mapped.file} {mapped.setting(key, 'name')}")
    return mapped, table


def check_parts(
    context: Context, table: Table, key: str, mapped: TableMap, *, deleting: bool = True
) -> None:
    """Raise ConfigError, MissingPrivilege where not all rows can be swept."""
    context.session.admit_code_on(table.oids)
    if table.kind not in tables.WITH_ROWS:
        raise _not_sweepable(table, key, mapped)
    for part in table.parts:
        if part.kind != "table":
            raise _not_sweepable(part, key, mapped)
    protections.check_rights(context, table, delete=deleting)


def _not_sweepable(found: Table | Part, key: str, mapped: TableMap) -> ConfigError:
    setting = mapped.setting(key, "name")
    return ConfigError(
        f"{found!s} is a {found.kind}; rows can be deleted only from a table or a partitioned"
        f' table. Name the table behind it in {mapped.file}: {setting} = "schema.table".'
    )


def _column(table: Table, key: str, mapped: TableMap, name: str) -> Column:
    real = mapped.columns.get(name, name)
    setting = mapped.column_setting(key, name)
    names.check(real, setting)
    if real not in table.columns:
        known = some(list(table.columns), 12)
        raise NoSuchColumn(
            f'{table!s} has no column {real}. Name yours in {mapped.file}: {setting} = "…" (it'
            f" has: {known})."
        )
    return table.columns[real]


def _cutoff(
    context: Context, key: str, mapped: TableMap, table: Table, column: Column, age: Duration
) -> tuple[datetime, sql.Composable]:
    """The moment `age` ago by the database's clock, and the same in the column's own terms."""
    in_column = clock.in_terms_of(table, key, mapped, column, sql.SQL("c"))
    query = sql.SQL(
        "SELECT c, ({column})::text FROM (SELECT now() - make_interval(months => {months})"
        " - make_interval(secs => {seconds}) AS c) AS cutoff"
    ).format(column=in_column, months=age.months, seconds=age.seconds)
    try:
        ((moment, text),) = context.session.read_composed(query)
    except psycopg.errors.InvalidParameterValue:
        setting = f'{mapped.setting(key, "timezone")} = "{mapped.timezone}"'
        reason = f"{setting} is not a time zone that PostgreSQL knows."
        raise ConfigError(reason) from None
    except (psycopg.DataError, psycopg.errors.DatetimeFieldOverflow):
        raise Refused(f"an age of {age} leads to a date that PostgreSQL cannot store.") from None
    return moment, sql.SQL("{}::{}").format(text, sql.SQL(column.type))  # pyright: ignore[reportArgumentType]  one of _AS_COLUMN
