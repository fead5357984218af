"""Mending links: what SET NULL and SET DEFAULT cut, where nobody has linked anew meanwhile."""

from collections import Counter
from typing import NamedTuple

from psycopg import sql

from maintcli.db.connect import Connection
from maintcli.work.restore import onebyone
from maintcli.work.restore.insert import FAILURES
from maintcli.work.restore.load import Loaded, equal

_UPDATE = sql.SQL("UPDATE {table} AS maint_t SET {sets} FROM {temp} AS maint_r WHERE {which}")
_ONE = sql.SQL("maint_r.ctid = maint_at")


class Mended(NamedTuple):
    """Rows whose link was mended, and those where PostgreSQL refused it, by reason."""

    rows: int
    refused: Counter[str]


def mend(connection: Connection, one: Loaded) -> Mended:
    """Put old values back into rows that are still there and still hold NULL or the default."""
    if not one.key:  # no key, no way to tell which row it was
        return Mended(0, Counter())
    try:
        with connection.transaction():
            return Mended(connection.execute(_statement(one)).rowcount, Counter())
    except FAILURES:
        (done,), refused = onebyone.run(connection, [one], [_statement(one, _ONE)])
        return Mended(done, Counter(reason for _, reason in refused if reason))


def _statement(one: Loaded, also: sql.Composable | None = None) -> sql.Composed:
    key, changed = one.columns[: one.key], one.columns[one.key :]
    defaults = {column.name: column.default for column in one.table.shape.columns}
    sets = [sql.SQL("{0} = maint_r.{0}").format(sql.Identifier(c)) for c in changed]
    which = [equal("maint_t", key, "maint_r", key), *(_free(c, defaults[c]) for c in changed)]
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
