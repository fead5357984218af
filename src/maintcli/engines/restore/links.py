"""Mending links: what SET NULL and SET DEFAULT cut, where nobody has linked anew meanwhile."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import psycopg
from psycopg import sql

from maintcli.db import search_path
from maintcli.db.catalog.tables import Column
from maintcli.db.connect import Connection
from maintcli.engines.restore.insert import FAILURES, ONE, one_by_one
from maintcli.engines.restore.load import Loaded, equal

_UPDATE = sql.SQL("UPDATE {table} AS maint_t SET {sets} FROM {temp} AS maint_r WHERE {which}")
_ONE = sql.SQL("maint_r.ctid = maint_at")


# As text: a value of any type can be compared so, and the file held text.
_WHOLE = sql.SQL("""SELECT count(*) FROM {table} AS maint_t JOIN {temp} AS maint_r ON {same}
WHERE ROW({mine})::text = ROW({theirs})::text AND NOT ({free})""")


class Mended(NamedTuple):
    """Rows whose link was mended, and those where PostgreSQL refused it, by reason.

    `whole` links held their old value already.
    """

    rows: int
    refused: Counter[str]
    whole: int = 0


def mend(connection: Connection, one: Loaded, path: sql.Composable) -> Mended:
    """Put old values back into rows that are still there and still hold NULL or the default.

    `path` is the statement that sets the search path of this transaction.
    """
    if one.key in {0, len(one.columns)}:  # no way to tell which row it was, or what it held
        return Mended(0, Counter())
    free = sql.SQL(" AND ").join(_all_free(one, _defaults(connection, one, path)))
    found = connection.execute(_whole(one, free)).fetchone()
    whole = int(found[0]) if found else 0
    try:
        with connection.transaction():
            return Mended(connection.execute(_update(one, free)).rowcount, Counter(), whole)
    except FAILURES:
        (done,), refused = one_by_one(connection, [one], [_update(one, free, ONE)])
        return Mended(done, Counter(reason for _, reason in refused if reason), whole)


def _defaults(connection: Connection, one: Loaded, path: sql.Composable) -> dict[str, str | None]:
    """The values, as text, that ON DELETE SET DEFAULT gives to columns now.

    The catalog wrote the expressions with the path pinned, so with that alone they mean the same.
    Where they cannot be computed so, none counts, and a link that holds a default stays.
    """
    changed = one.table.chosen(one.columns[one.key :])
    wanted = {column.name: text for column in changed if (text := column.default)}
    if not wanted:
        return {}
    values = sql.SQL(", ").join(
        sql.SQL("({})::text").format(sql.SQL(text))  # pyright: ignore[reportArgumentType]  from the catalog
        for text in wanted.values()
    )
    message = [search_path.PINNED, sql.SQL("SELECT {}").format(values), path]
    try:
        with connection.transaction():
            ((*found,),) = search_path.last_rows(connection.execute(sql.SQL("; ").join(message)))
    except psycopg.Error:  # a function of the user's may need the user's path
        return {}
    return dict(zip(wanted, found, strict=True))


def _whole(one: Loaded, free: sql.Composable) -> sql.Composed:
    key, changed = one.columns[: one.key], one.columns[one.key :]
    mine, theirs = (
        sql.SQL(", ").join(sql.Identifier(name, column) for column in changed)
        for name in ("maint_t", "maint_r")
    )
    return _WHOLE.format(
        table=one.table.own,
        temp=one.temp,
        same=_same(one, key),
        mine=mine,
        theirs=theirs,
        free=free,
    )


def _same(one: Loaded, key: Sequence[str]) -> sql.Composable:
    columns = one.table.chosen(key)
    return equal("maint_t", columns, "maint_r", columns)


def _all_free(one: Loaded, defaults: Mapping[str, str | None]) -> list[sql.Composable]:
    changed = one.table.chosen(one.columns[one.key :])
    return [_free(column, defaults.get(column.name)) for column in changed]


def _update(one: Loaded, free: sql.Composable, also: sql.Composable | None = None) -> sql.Composed:
    key, changed = one.columns[: one.key], one.columns[one.key :]
    sets = [sql.SQL("{0} = maint_r.{0}").format(sql.Identifier(c)) for c in changed]
    which = [_same(one, key), free]
    return _UPDATE.format(
        table=one.table.own,
        sets=sql.SQL(", ").join(sets),
        temp=one.temp,
        which=sql.SQL(" AND ").join([*which, *([also] if also else [])]),
    )


def _free(column: Column, default: str | None) -> sql.Composable:
    value = column.value(sql.Identifier("maint_t"))
    if default is None:
        return sql.SQL("{} IS NULL").format(value)
    return sql.SQL("({0} IS NULL OR coalesce({0} {equal} {default}::{type}, false))").format(
        value,
        equal=column.operator("="),
        default=default,
        type=sql.SQL(column.type),  # pyright: ignore[reportArgumentType]  from the catalog
    )
