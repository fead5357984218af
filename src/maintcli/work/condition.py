"""A condition that somebody wrote in SQL: whether PostgreSQL takes it, before the first row."""

import psycopg
from psycopg import sql

from maintcli.db import sqlstate
from maintcli.db.tables import Table
from maintcli.errors import NotACondition
from maintcli.runtime.context import Context

# In a CASE it must be one expression: ") OR (true" would else leave the age without effect.
_LOOK = sql.SQL("SELECT FROM {table} WHERE CASE WHEN {condition}\nTHEN true END LIMIT 0")

_NOT_WRONG = (psycopg.errors.InsufficientPrivilege, psycopg.errors.QueryCanceled)
_WRONG = (psycopg.ProgrammingError, psycopg.DataError, psycopg.NotSupportedError)


def check(context: Context, table: Table, condition: sql.Composable, setting: str) -> None:
    """Raise NotACondition where `condition` cannot be asked of a row; `setting` is its place."""
    try:
        _ = context.session.read_composed(_LOOK.format(table=table.quoted, condition=condition))
    except _NOT_WRONG:
        raise
    except _WRONG as error:
        reason = sqlstate.said(error, of_rows=False)
        raise NotACondition(setting=setting, table=str(table), reason=reason) from None
