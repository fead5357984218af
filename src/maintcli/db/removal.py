"""Undoing what maint made in a database: the example, and maint's own tables.

Only what carries maint's comment is dropped, and never by CASCADE: where one belongs to another
role, or something of the user's depends on it, nothing is dropped.
"""

from collections.abc import Collection
from typing import LiteralString, NamedTuple

import psycopg
from psycopg import sql

from maintcli.db import example, search_path, toolkit
from maintcli.db.connect import Connection
from maintcli.db.sqlstate import one_line
from maintcli.errors import MissingPrivilege, NoOpenSchema, Refused, TryAgain

_PATIENT: LiteralString = "SET LOCAL lock_timeout = '5s'"

_OURS: LiteralString = """
SELECT c.relname::text, pg_get_userbyid(c.relowner)::text, pg_has_role(c.relowner, 'USAGE')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = ANY (%(tables)s) AND c.relkind = 'r'
  AND starts_with(obj_description(c.oid, 'pg_class'), %(mark)s)
ORDER BY c.relname
"""

# A schema that was made for them goes, too, once nothing is left in it.
_EMPTY: LiteralString = """
SELECT n.nspname FROM pg_namespace n
WHERE n.nspname = %(schema)s AND pg_has_role(n.nspowner, 'USAGE')
  AND (SELECT bool_or(starts_with(obj_description(n.oid, 'pg_namespace'), mark))
       FROM unnest(%(marks)s::text[]) AS mark)
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_namespace'::regclass
                  AND d.refobjid = n.oid)
"""

_LIVE = sql.SQL(
    "SELECT name FROM {heartbeats} WHERE lease_run_id IS NOT NULL"
    " AND lease_expires_at {live} ORDER BY name LIMIT 1"
)


class Made(NamedTuple):
    """What maint made: tables called `names`, whose comments begin with `mark`."""

    names: tuple[str, ...]
    mark: str


EXAMPLE = Made(example.TABLES, example.MARK)
TOOLKIT = Made(toolkit.TABLES, toolkit.MARK)


def home(connection: Connection) -> str:
    """The schema where they are unless one is named, even where it is closed to this role."""
    try:
        return toolkit.home(connection)
    except NoOpenSchema:
        if closed := search_path.closed(connection):
            return closed[0]
        raise


def find(connection: Connection, schema: str, made: Made) -> list[str]:
    """The tables of `made` in `schema`, by name. Raises MissingPrivilege where one is another's."""
    with search_path.pinned(connection):
        return _found(connection, schema, made)


def drop(connection: Connection, schema: str, made: Made, tables: Collection[str]) -> list[str]:
    """Drop those of `tables` that are still ours, and the schema that was made for them.

    All or nothing. Raises MissingPrivilege where one is another's, Refused where something of the
    user's depends on one, TryAgain where a run holds a lease.
    """
    with search_path.pinned(connection):
        connection.execute(_PATIENT)
        ours = [name for name in _found(connection, schema, made) if name in tables]
        if "job_heartbeats" in ours:
            _refuse_live(connection, schema)
        if ours:
            names = sql.SQL(", ").join(sql.Identifier(schema, name) for name in ours)
            try:
                connection.execute(sql.SQL("DROP TABLE {}").format(names))
            except psycopg.errors.DependentObjectsStillExist as error:
                raise Refused(
                    f"Nothing was dropped: {one_line(error.diag.message_detail or str(error))}."
                    " Drop what depends on it first."
                ) from None
        if connection.execute(
            _EMPTY, {"schema": schema, "marks": [EXAMPLE.mark, TOOLKIT.mark]}
        ).fetchone():
            connection.execute(sql.SQL("DROP SCHEMA {}").format(sql.Identifier(schema)))
        return ours


def _found(connection: Connection, schema: str, made: Made) -> list[str]:
    values = {"schema": schema, "tables": list(made.names), "mark": made.mark}
    found = connection.execute(_OURS, values).fetchall()
    for table, owner, is_ours in found:
        if not is_ours:
            raise MissingPrivilege(
                f"{table} in schema {schema} is owned by {owner}, so nothing was dropped. Run this"
                f" command as {owner}, or as a superuser."
            )
    return [table for table, *_ in found]


def _refuse_live(connection: Connection, schema: str) -> None:
    heartbeats = sql.Identifier(schema, "job_heartbeats")
    connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(heartbeats))
    row = connection.execute(_LIVE.format(heartbeats=heartbeats, live=toolkit.LIVE)).fetchone()
    if row is not None:
        raise TryAgain(
            f"{row[0]} is running, so nothing was dropped. Wait for its end, and run this again."
        )
