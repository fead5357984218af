"""A queue as the user has it: its table and columns looked up, its SQL filled in."""

from collections.abc import Iterable, Mapping
from string import Formatter
from typing import Final, LiteralString, NamedTuple

from psycopg import sql

from maintcli.config.tables import TableMap
from maintcli.db import names
from maintcli.db.catalog import tables
from maintcli.db.catalog.tables import Column, Table
from maintcli.engines.base import clock, protections, reference, statuses
from maintcli.engines.drain.queue import Insert, Move, Queue, Values
from maintcli.errors import ConfigError
from maintcli.runtime.context import Context
from maintcli.words import some

# What stands in braces and is no column; `first` is filled in where there are attempts to ask.
NOW: Final = sql.SQL("clock_timestamp()")
_OWN: Final = frozenset({"now", "lease", "token", "delay", "attempts", "error", "reason", "first"})
_FIRST: Final = sql.SQL("""(SELECT pg_catalog.min(a.started_at) FROM {attempts} a
    WHERE a.job = {job} AND a.item_key = {key}
      AND a.outcome IS DISTINCT FROM 'provider' AND a.outcome IS DISTINCT FROM 'limited')""")


class UserTable:
    """A table of the user's that a job reads and writes, by the names of the reference schema."""

    def __init__(self, context: Context, key: str) -> None:
        self.key = key
        self.context = context
        self.map, self.table = _find(context, key)

    def column(self, name: str) -> Column:
        """The column. Raises ConfigError."""
        real = self.map.column(name)
        names.check(real, self.map.column_setting(self.key, name))
        if real not in self.table.columns:
            known = some(list(self.table.columns), 12)
            raise ConfigError(
                f"{self.table} has no column {real}, which {self.context.job} needs. Name yours in"
                f' {self.map.file}: {self.map.column_setting(self.key, name)} = "…" (it has:'
                f" {known})."
            )
        return self.table.columns[real]

    def has(self, name: str) -> bool:
        """Whether the table has the column."""
        return self.map.column(name) in self.table.columns

    def quoted(self, name: str) -> sql.Composable:
        """The column's name, quoted."""
        return sql.Identifier(self.column(name).name)

    def moment(self, name: str) -> sql.Composable:
        """The column as a timestamptz. Raises ConfigError where it holds no time."""
        return clock.moment_of(self.table, self.key, self.map, self.column(name))

    def value(self, name: str) -> sql.Composable:
        """The column in a condition: a time as a timestamptz, a domain as its base type."""
        column = self.column(name)
        if column.type in clock.EPOCH_TYPES:
            is_time = bool(self.map.epoch) and name in _times(self.key)
        else:
            is_time = column.type in clock.TIME_TYPES
        return self.moment(name) if is_time else column.value()

    def fill(self, text: LiteralString, **own: sql.Composable) -> sql.Composable:
        """SQL of a queue with its columns, statuses and what `own` has in place of braces."""
        fields = {name for _, name, _, _ in Formatter().parse(text) if name}
        holes: dict[str, sql.Composable] = {}
        for name in fields:
            if statuses.is_status(name):
                holes[name] = sql.Literal(self.map.status(name.strip("'")))
            elif name in _OWN:
                holes[name] = own.get(name, sql.SQL("NULL"))
            else:
                holes[name] = self.value(name)
        return sql.SQL(text).format(**holes)

    def assigned(self, values: Values, **own: sql.Composable) -> list[sql.Composable]:
        """`column = value` for each; what is made of `{now}` is a time, as the column holds it."""
        return [
            sql.SQL("{} = {}").format(self.quoted(name), value)
            for name, value in self.stored(values, **own).items()
        ]

    def literals(self, values: Mapping[str, object]) -> dict[str, sql.Composable]:
        """Values of Python's as the columns hold them; a time of a datetime."""
        return {name: self._literal(name, value) for name, value in values.items()}

    def stored(self, values: Values, **own: sql.Composable) -> dict[str, sql.Composable]:
        """The same of SQL."""
        return {name: self._stored(name, text, own) for name, text in values.items()}

    def _stored(
        self, name: str, text: LiteralString, own: Mapping[str, sql.Composable]
    ) -> sql.Composable:
        filled = self.fill(text, **own)
        if "{now}" not in text:
            return filled
        moment = sql.SQL("({})").format(filled)
        return clock.in_terms_of(self.table, self.key, self.map, self.column(name), moment)

    def _literal(self, name: str, value: object) -> sql.Composable:
        from datetime import datetime

        from maintcli.db import formats

        column = self.column(name)
        if isinstance(value, datetime):
            moment = sql.SQL("{}::timestamptz").format(value.isoformat())
            return clock.in_terms_of(self.table, self.key, self.map, column, moment)
        if value is None:
            return sql.SQL("NULL")
        text = value if isinstance(value, str) else formats.as_json(value)
        return sql.SQL("{}::{}").format(sql.Literal(text), sql.SQL(column.declared))  # pyright: ignore[reportArgumentType]  from the catalog


class QueueTable(NamedTuple):
    """A queue's table with the parts of its statements that do not change within a run.

    `keys` are the columns of its primary key, `item_key` SQL that makes one text of them.
    """

    queue: Queue
    user: UserTable
    keys: tuple[Column, ...]
    item_key: sql.Composable
    due: sql.Composable
    expired: sql.Composable | None
    order: sql.Composable
    since: sql.Composable

    @property
    def table(self) -> Table:
        """The user's table."""
        return self.user.table


def find(context: Context, queue: Queue) -> QueueTable:
    """Look up the table and columns of `queue`.

    Raises ConfigError, with the statements that add missing columns, and MissingPrivilege.
    """
    user = UserTable(context, queue.table)
    protections.check_rights(context, user.table, delete=queue.done is None)
    _check_columns(user, queue)
    keys = sorted((one for one in user.table.columns.values() if one.key), key=lambda one: one.key)
    if not keys:
        raise ConfigError(
            f"{user.table} has no primary key, so {context.job} cannot tell its rows apart. Add"
            " one: ALTER TABLE … ADD PRIMARY KEY (…)."
        )
    wanted = _statuses(queue)
    if wanted:
        statuses.check(context, user.table, queue.table, user.map, wanted)
    if named := statuses.named(queue.due):
        statuses.warn_if_unknown(context, user.table, queue.table, user.map, named)
    item_key = _item_key(keys)
    first = _first(context, item_key)
    return QueueTable(
        queue=queue,
        user=user,
        keys=tuple(keys),
        item_key=item_key,
        due=user.fill(queue.due, now=NOW, first=first),
        expired=user.fill(queue.expired, now=NOW, first=first) if queue.expired else None,
        order=sql.SQL(", ").join([*(_ordered(user, queue, one) for one in queue.order)]),
        since=user.moment(queue.since),
    )


def _find(context: Context, key: str) -> tuple[TableMap, Table]:
    mapped = context.config.table(key)
    setting = f"{mapped.file} {mapped.setting(key, 'name')}"
    name = names.split(mapped.name or key, setting if mapped.name else key)
    table = context.describe(name)
    if table is None:
        near = reference.did_you_mean(context.session, name)
        raise ConfigError(
            f"There is no table {name}, which {context.job} needs{near} Name yours in"
            f' {mapped.file}: {mapped.setting(key, "name")} = "schema.table".'
        )
    reference.refuse_own(context, table, setting)
    context.session.admit_code_on(table.oids)
    if table.kind not in tables.WITH_ROWS or any(part.kind != "table" for part in table.parts):
        raise ConfigError(
            f"{table} is a {table.kind}; {context.job} locks rows, which only a table or a"
            f" partitioned table of tables has. Name it in {setting}."
        )
    return mapped, table


def _check_columns(user: UserTable, queue: Queue) -> None:
    """Raise one ConfigError for all columns that the table lacks."""
    lacking = [name for name in _columns(queue) if not user.has(name)]
    for name in lacking:
        if name in user.map.columns:
            user.column(name)  # raises: the user has named a column that is not there
    if lacking:
        from maintcli.db import example

        statement = example.add_columns(user.key, user.table.quoted.as_string(), lacking)
        what = f"the column{'s' if len(lacking) > 1 else ''} {', '.join(lacking)}"
        raise ConfigError(
            f"{user.table} lacks {what}, without which {user.context.job} cannot promise that an"
            f" item is handled by one run at a time. Name yours under [tables.{user.key}.columns]"
            f" in {user.map.file}, or add them.",
            statements=[statement],
        )


def _columns(queue: Queue) -> list[str]:
    """Every column that the queue's declaration names, each once, in its order."""
    texts = [queue.due, queue.expired or "", *queue.order, *_texts(queue.steps)]
    if isinstance(queue.give_up, Move):
        texts += queue.give_up.values.values()
    found = [queue.since, queue.count, *queue.columns, *queue.fence]
    found += [queue.lane] if queue.lane else []
    found += [name for step in queue.steps for name in step]
    found += [
        name
        for text in texts
        for _, name, _, _ in Formatter().parse(text)
        if name and name not in _OWN and not statuses.is_status(name)
    ]
    return list(dict.fromkeys(found))


def _texts(steps: Iterable[Values]) -> list[str]:
    return [text for step in steps for text in step.values()]


def _statuses(queue: Queue) -> set[str]:
    """The statuses that the queue sets."""
    return {name for text in _texts(queue.steps) for name in statuses.named(text)}


def _item_key(keys: list[Column]) -> sql.Composable:
    texts = [sql.SQL("{}::text").format(sql.Identifier(one.name)) for one in keys]
    if len(texts) == 1:
        return texts[0]
    return sql.SQL("pg_catalog.json_build_array({})::text").format(sql.SQL(", ").join(texts))


def _first(context: Context, item_key: sql.Composable) -> sql.Composable:
    if context.lease is None:
        return sql.SQL("NULL::timestamptz")
    attempts = context.lease.table("job_attempts")
    return _FIRST.format(attempts=attempts, job=context.job, key=item_key)


def _ordered(user: UserTable, queue: Queue, text: LiteralString) -> sql.Composable:
    for name, ranks in queue.ranks.items():
        if text == f"{{{name}}}":
            ranked = sql.SQL("pg_catalog.array_position({}::text[], {}::text)")
            return ranked.format(sql.Literal(list(ranks)), user.quoted(name))
    return user.fill(text)


def _times(key: str) -> Iterable[str]:
    """The columns of a reference table that hold times."""
    from maintcli.db import example

    return {name for name, made in example.definitions(key).items() if "timestamptz" in made}


class Inserted(NamedTuple):
    """A row to be written beside a settle, its columns looked up."""

    table: sql.Composable
    columns: sql.Composable
    values: sql.Composable


class Inserts:
    """The other tables that settles write to; each is looked up once a run."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._found: dict[str, UserTable] = {}

    def user(self, key: str) -> UserTable:
        """The table. Raises ConfigError."""
        if key not in self._found:
            self._found[key] = UserTable(self._context, key)
        return self._found[key]

    def of(self, insert: Insert) -> Inserted:
        """The row of `insert`."""
        user = self.user(insert.table)
        return made(user, user.literals(insert.values))


def made(user: UserTable, values: Mapping[str, sql.Composable]) -> Inserted:
    """A row of `user` with these values."""
    comma = sql.SQL(", ")
    columns = comma.join([user.quoted(name) for name in values])
    return Inserted(user.table.quoted, columns, comma.join(list(values.values())))


def as_read(user: UserTable, name: str) -> sql.Composable:
    """A column as a handler reads it: a json as its own text, byte for byte."""
    column = user.column(name)
    if column.type == "json":
        return sql.SQL("{}::text").format(sql.Identifier(column.name))
    return user.value(name)
