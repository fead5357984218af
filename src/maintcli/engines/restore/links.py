"""Mending links: what SET NULL and SET DEFAULT cut, where nobody has linked anew meanwhile."""

from collections import Counter
from typing import NamedTuple

from psycopg import sql

from maintcli.db.connect import Connection
from maintcli.engines.restore import onebyone
from maintcli.engines.restore.insert import FAILURES
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


def mend(connection: Connection, one: Loaded) -> Mended:
    """Put old values back into rows that are still there and still hold NULL or the default."""
    if one.key in {0, len(one.columns)}:  # no way to tell which row it was, or what it held
        return Mended(0, Counter())
    found = connection.execute(_whole(one)).fetchone()
    whole = int(found[0]) if found else 0
    try:
        with connection.transaction():
            return Mended(connection.execute(_statement(one)).rowcount, Counter(), whole)
    except FAILURES:
        (done,), refused = onebyone.run(connection, [one], [_statement(one, _ONE)])
        return Mended(done, Counter(reason for _, reason in refused if reason), whole)


def _whole(one: Loaded) -> sql.Composed:
    key, changed = one.columns[: one.key], one.columns[one.key :]
    mine, theirs = (
        sql.SQL(", ").join(sql.Identifier(name, column) for column in changed)
        for name in ("maint_t", "maint_r")
    )
    return _WHOLE.format(
        table=one.table.own,
        temp=one.temp,
        same=equal("maint_t", key, "maint_r", key),
        mine=mine,
        theirs=theirs,
        free=sql.SQL(" AND ").join(_all_free(one)),
    )


def _all_free(one: Loaded) -> list[sql.Composable]:
    defaults = {column.name: column.default for column in one.table.shape.columns}
    return [_free(column, defaults[column]) for column in one.columns[one.key :]]


def _statement(one: Loaded, also: sql.Composable | None = None) -> sql.Composed:
    key, changed = one.columns[: one.key], one.columns[one.key :]
    sets = [sql.SQL("{0} = maint_r.{0}").format(sql.Identifier(c)) for c in changed]
    which = [equal("maint_t", key, "maint_r", key), *_all_free(one)]
    return _UPDATE.format(
        table=one.table.own,
        sets=sql.SQL(", ").join(sets),
        temp=one.temp,
        which=sql.SQL(" AND ").join([*which, *([also] if also else [])]),
    )


def _free(column: str, default: str | None) -> sql.Composable:
    name = sql.Identifier("maint_t", column)
    if default is None:
        return sql.SQL("{} IS NULL").format(name)
    expression = sql.SQL(default)  # pyright: ignore[reportArgumentType]  from the catalog
    return sql.SQL("({0} IS NULL OR {0} IS NOT DISTINCT FROM ({1}))").format(name, expression)
