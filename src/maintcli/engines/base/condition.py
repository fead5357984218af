"""A check of a condition that a user wrote in SQL, before the first row."""

import re

import psycopg
from psycopg import sql

from maintcli.db import sqlstate
from maintcli.db.catalog.tables import Table
from maintcli.errors import ConfigError
from maintcli.runtime.context import Context

# In a CASE it must be one expression: ") OR (true" would else leave the age without effect.
_LOOK = sql.SQL("SELECT FROM {table} WHERE CASE WHEN {condition}\n{end}")
_END = "THEN true END LIMIT 0"

# The catalog's functions whose answer changes from call to call. A sweep looks at its rows again
# and again; only the clock may advance. Of age() and the like only some are volatile.
_CHANGING = """
SELECT proname::text FROM pg_catalog.pg_proc
WHERE pronamespace = 'pg_catalog'::regnamespace
      AND proname = ANY (%s) AND proname <> 'clock_timestamp'
GROUP BY 1 HAVING bool_and(provolatile = 'v') ORDER BY 1 LIMIT 1
"""
_LITERAL = re.compile(r"'(?:[^']|'')*'|(\$\w*\$).*?\1|--[^\n]*|/\*.*?\*/", re.DOTALL)
_CALL = re.compile(r'(\w+)"?\s*\(')

_NOT_WRONG = (psycopg.errors.InsufficientPrivilege, psycopg.errors.QueryCanceled)
_WRONG = (psycopg.ProgrammingError, psycopg.DataError, psycopg.NotSupportedError)

# A leaf has its own name; the columns of its rows are the same.
_BY_ROOT = sql.SQL("(SELECT {condition}\nFROM (SELECT {columns}) AS {name})")


def of_parts(table: Table, condition: sql.Composable) -> sql.Composable:
    """`condition` for the parts of `table`, where it may call the table by its name."""
    named = rf'(?<![\w$]){re.escape(table.name)}"?\s*\.'
    whole = all(part.oid == table.oid for part in table.parts)
    if whole or not re.search(named, condition.as_string(), re.IGNORECASE):
        return condition
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    return _BY_ROOT.format(condition=condition, columns=columns, name=sql.Identifier(table.name))


def check(context: Context, table: Table, condition: sql.Composable, setting: str) -> None:
    """Raise ConfigError unless `condition` is one on rows of `table`; `setting` is its place."""
    try:
        _ = context.session.read_composed(
            _LOOK.format(table=table.quoted, condition=condition, end=sql.SQL(_END))
        )
    except _NOT_WRONG:
        raise
    except _WRONG as error:
        reason = _fault(error, condition.as_string())
        raise _not_one(context, table, setting, reason) from None
    _check_steady(context, table, condition, setting)


def _check_steady(context: Context, table: Table, condition: sql.Composable, setting: str) -> None:
    """Raise ConfigError if `condition` depends on chance."""
    calls = _CALL.findall(_LITERAL.sub(" ", condition.as_string()).lower())
    for (name,) in context.session.read(_CHANGING, [calls]) if calls else ():
        reason = (
            f"it calls {name}(), whose answer changes from call to call, so a run would delete"
            " other rows than its dry run and its guards counted"
        )
        raise _not_one(context, table, setting, reason)


def _not_one(context: Context, table: Table, setting: str, reason: str) -> ConfigError:
    where = f"{setting} in {context.config.where}"
    return ConfigError(f"{where} is not a valid condition on rows of {table}: {reason}.")


def _fault(error: psycopg.Error, condition: str) -> str:
    """What is wrong, as a clause that shows nothing of our own SQL after `condition`."""
    said = sqlstate.said(error, of_rows=False)
    beyond = "THEN" in said and "THEN" not in condition.upper()
    if isinstance(error, psycopg.errors.SyntaxError) and (beyond or _END in said):
        return "it is incomplete; close every quotation mark and bracket"
    return said
