"""What a PostgreSQL error means for a run: psycopg's exception into one of ours.

Source of the classes: PostgreSQL documentation, appendix A.
"""

import re
from collections.abc import Generator
from contextlib import contextmanager
from enum import Enum
from typing import Any

import psycopg

from maintcli.errors import ConfigError, Fail, MaintError, MissingPrivilege, TryAgain, Unreachable

READ_ONLY = "25006"
LOCK_NOT_AVAILABLE = "55P03"
QUERY_CANCELED = "57014"
UNDEFINED_TABLE = "42P01"
LEASE_LOST = "MT001"  # raised by our own fence, see runtime/lease.py
NOT_AS_GATHERED = "MT003"  # raised by engines/foreign_keys, which then deletes in another way
TABLE_CHANGED = "MT004"  # raised by engines/base/identity.py
SCHEMA_CHANGED = "MT005"  # raised by a batch whose tables are not as they were planned with
REHEARSED = "MT006"  # raised by engines/foreign_keys/script.py, to undo what was only tried
ROLE_CHANGED = "MT007"  # raised by a batch in which foreign keys do not act any more
COUNTED_ALREADY = "MT002"  # raised by engines/update/change.py, to be rolled back

_BY_STATE: dict[str, type[MaintError]] = {
    "42501": MissingPrivilege,
    "53300": TryAgain,
    LOCK_NOT_AVAILABLE: TryAgain,
    QUERY_CANCELED: TryAgain,
}
_BY_CLASS: dict[str, type[MaintError]] = {
    "08": Unreachable,
    "28": MissingPrivilege,
    "3D": ConfigError,
    "40": TryAgain,
    "42": ConfigError,
    "53": TryAgain,
    "57": Unreachable,
}
# Classes of errors in data, constraints, and code that is called row by row.
_OF_ROWS = frozenset({"09", "21", "22", "23", "27", "2F", "38", "39", "44", "P0"})


# Their DETAIL names tables, roles and processes; that of other classes shows values of rows.
_DETAIL_NAMES_OBJECTS = frozenset(
    {"0A", "25", "28", "2B", "3D", "40", "42", "53", "54", "55", "57", "58"}
)
_QUOTES_A_VALUE = frozenset({"22003", "22007", "22008", "22P02"})  # in its first line


def connection_lost(reason: str) -> Unreachable:
    """The error for a connection that broke, where no new one was to be had."""
    return Unreachable(
        f"The connection to the database was lost and could not be made again: {reason}."
    )


def read_only() -> Unreachable:
    """The error for a server that takes no writes."""
    return Unreachable(
        "The database is read-only (a replica, or in recovery). Point DATABASE_URL at the primary."
    )


def meaning(error: psycopg.Error) -> MaintError:
    """Our error for `error`, in PostgreSQL's words without values of rows."""
    state = error.sqlstate or ""
    if not state and isinstance(error, psycopg.OperationalError):
        return connection_lost(_message(error))
    if state == READ_ONLY:
        return read_only()
    kind = _BY_STATE.get(state) or _BY_CLASS.get(state[:2], Fail)
    if kind is Unreachable:
        return connection_lost(_message(error))
    about = f"{error.__notes__[0]}: " if getattr(error, "__notes__", None) else ""
    return kind(
        f"{about}PostgreSQL says: {_message(error)} ({state}).{_more(error)}{_raiser(error)}"
    )


@contextmanager
def about(what: str) -> Generator[None]:
    """Name what a PostgreSQL error is about, unless an inner block has named it."""
    try:
        yield
    except psycopg.Error as error:
        error.add_note(what)
        raise


def said(error: psycopg.Error, *, of_rows: bool = True) -> str:
    """PostgreSQL's message, DETAIL and HINT, as a clause without a full stop.

    Values of rows are left out. Where the statement reads no rows (`of_rows=False`), values come
    from the user's settings and are kept.
    """
    message, more = _message(error, of_rows=of_rows), _more(error)
    return f"{message}.{more}".removesuffix(".") if more else message


def without_values(message: str, state: str | None) -> str:
    """The first line of an error, without the value of a row that a failed cast shows."""
    message = one_line(message)
    return re.sub('".*"', '"…"', message) if state in _QUOTES_A_VALUE else message


def _message(error: psycopg.Error, *, of_rows: bool = True) -> str:
    message = error.diag.message_primary or str(error)
    return without_values(message, error.sqlstate) if of_rows else one_line(message)


def _more(error: psycopg.Error) -> str:
    diag, found = error.diag, list[str]()
    # A RAISE of the user's may have any code, and anything in its DETAIL.
    own = (error.sqlstate or "")[:2] in _DETAIL_NAMES_OBJECTS
    if diag.message_detail and own and diag.source_function != "exec_stmt_raise":
        found.append(f" Detail: {one_line(diag.message_detail).rstrip('.')}.")
    if diag.message_hint:
        found.append(f" Hint: {one_line(diag.message_hint).rstrip('.')}.")
    return "".join(found)


def _raiser(error: psycopg.Error) -> str:
    """Which function of the user's raised it, as a sentence; the language of the rest varies."""
    if error.diag.source_function != "exec_stmt_raise":
        return ""
    first = (error.diag.context or "").partition("\n")[0]
    named = re.search(r"\S+\([^()]*\)", first)
    return f" The function {named[0]} raised it." if named else ""


class Transient(Enum):
    """Why a statement failed that may succeed when retried."""

    LOCKED = "others hold a lock"
    CANCELED = "it took too long"
    CONFLICT = "a deadlock, or a serialization failure"
    LOST = "the connection is gone"


def transient(error: psycopg.Error, connection: psycopg.Connection[Any] | None) -> Transient | None:
    """Why a retry may succeed after `error`; None where it cannot."""
    state = error.sqlstate or ""
    if state == LOCK_NOT_AVAILABLE:
        return Transient.LOCKED
    if state == QUERY_CANCELED:
        return Transient.CANCELED
    if state.startswith("40"):
        return Transient.CONFLICT
    return Transient.LOST if is_lost(error, connection) else None


def is_lost(error: psycopg.Error, connection: psycopg.Connection[Any] | None) -> bool:
    """Whether `error` took the connection with it, so that a new one may succeed."""
    state = error.sqlstate or ""
    return connection is None or connection.closed or state.startswith(("08", "57P"))


def is_of_rows(error: psycopg.Error) -> bool:
    """Whether some rows alone are the cause: a constraint, or a trigger, objects to them."""
    state = error.sqlstate or ""
    if state.startswith(("MT", "40", "57")) or state == LOCK_NOT_AVAILABLE:
        return False
    return state[:2] in _OF_ROWS or error.diag.source_function == "exec_stmt_raise"


def one_line(text: str) -> str:
    """Fold white space, so that an error stays one line of a log."""
    return " ".join(text.split())
