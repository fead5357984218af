"""The search path of maint's own statements: only functions, operators and types of pg_catalog.

Any role with CREATE on a schema of the search path can put a function there that fits a call
better than the catalog's own, and it would run with maint's privileges. So every transaction pins
the path before anything else. The user's own path is read first and used twice: to find tables
that are named without a schema, and for SQL that the user wrote.
"""

import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

# pg_temp has to be named: it would otherwise come first for tables and types.
PINNED = sql.SQL("SET LOCAL search_path = pg_catalog, pg_temp")

# The role's defaults may be another isolation level, or no time limit.
_FIRST = sql.SQL("""SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCAL statement_timeout = '5min'""")

_SCHEMAS = "SELECT pg_catalog.current_schemas(false)"

_PATH = "SELECT pg_catalog.current_setting('search_path'), current_user::pg_catalog.text"
_CLOSED = """
SELECT n.nspname::text FROM unnest(%(path)s::text[]) WITH ORDINALITY AS s(name, place)
JOIN pg_catalog.pg_namespace n ON n.nspname = s.name
WHERE NOT has_schema_privilege(n.oid, 'USAGE') ORDER BY s.place
"""

Rows = list[tuple[Any, ...]]
_Connection = psycopg.Connection[tuple[Any, ...]]


def schemas(connection: _Connection) -> tuple[str, ...]:
    """The schemas of the user's search path that exist and are open to this role, in order."""
    ((found,),) = connection.execute(_SCHEMAS)
    return tuple(name for name in found if name != "pg_catalog" and not name.startswith("pg_temp"))


def closed(connection: _Connection) -> tuple[str, ...]:
    """The schemas of the user's search path that exist and are closed to this role, in order."""
    found = run(connection, sql.SQL(_CLOSED), {"path": _names(connection)})
    return tuple(name for (name,) in found)


def _names(connection: _Connection) -> list[str]:
    ((path, user),) = connection.execute(_PATH)
    found = re.findall(r'"((?:[^"]|"")*)"|([^\s,"]+)', path)
    names = [quoted.replace('""', '"') if quoted else bare for quoted, bare in found]
    return [user if name == "$user" else name for name in names]


def behind_catalog(path: Sequence[str]) -> sql.Composable:
    """The statement that sets the user's path, with the catalog first and pg_temp last."""
    names = [sql.Identifier(name) for name in ("pg_catalog", *path, "pg_temp")]
    return sql.SQL("SET LOCAL search_path = {}").format(sql.SQL(", ").join(names))


def without_end(connection: _Connection) -> list[sql.Composable]:
    """The statement that takes away a role's limit for a transaction: it ends the connection."""
    is_known = connection.info.server_version >= 170000
    return [sql.SQL("SET LOCAL transaction_timeout = 0")] if is_known else []


@contextmanager
def pinned(connection: _Connection) -> Generator[None]:
    """A transaction whose statements mean the catalog's functions, operators and types."""
    with connection.transaction():
        connection.execute(sql.SQL("; ").join([_FIRST, *without_end(connection), PINNED]))
        yield


def run(
    connection: _Connection,
    query: sql.Composable,
    params: Mapping[str, Any] | Sequence[Any] | None = None,
) -> Rows:
    """Run one statement with the path pinned, in one message, and return its rows.

    Several statements in a message are one transaction, so SET LOCAL ends with them.
    """
    parts = [_FIRST, *without_end(connection), PINNED, bound(connection, query, params)]
    return last_rows(connection.execute(sql.SQL("; ").join(parts)))


def bound(
    connection: _Connection,
    query: sql.Composable,
    params: Mapping[str, Any] | Sequence[Any] | None,
) -> sql.Composable:
    """`query` with its parameters put in by the client: many statements make no place for them."""
    if params is None:
        return query
    text = psycopg.ClientCursor(connection).mogrify(sql.Composed([query]), params)
    return sql.SQL(text)  # pyright: ignore[reportArgumentType]  quoted by psycopg


def last_rows(cursor: psycopg.Cursor[tuple[Any, ...]]) -> Rows:
    """The rows of the last statement of a message that returned any."""
    rows: Rows = []
    while True:
        if cursor.description is not None:
            rows = cursor.fetchall()
        if not cursor.nextset():
            return rows


def qualified(text: str, schema: str, tables: Sequence[str]) -> sql.SQL:
    """A file of plain SQL with `schema` put before each of `tables`, wherever it is named."""
    place = sql.Identifier(schema).as_string()
    named = rf"\b(TABLE|INTO|FROM|JOIN|ON|REFERENCES) ({'|'.join(tables)})\b"
    put = re.sub(named, lambda found: f"{found[1]} {place}.{found[2]}", text)
    return sql.SQL(put)  # pyright: ignore[reportArgumentType]  our own file
