"""What a PostgreSQL error means for a run: psycopg's exception into one of ours.

Source of the classes: PostgreSQL documentation, appendix A.
"""

from typing import Any

import psycopg

from maintcli.errors import (
    ConfigError,
    ConnectionLost,
    Fail,
    MaintError,
    NotAllowed,
    ReadOnlyDatabase,
    TryAgain,
)

LOCK_NOT_AVAILABLE = "55P03"
QUERY_CANCELED = "57014"
UNDEFINED_TABLE = "42P01"
LEASE_LOST = "MT001"  # raised by our own fence, see runtime/lease.py
NOT_AS_GATHERED = "MT003"  # raised by work/cascade, to be tried in another way
TABLE_CHANGED = "MT004"  # raised by work/identity.py
SCHEMA_CHANGED = "MT005"  # raised by a batch whose tables are not as they were planned with
COUNTED_ALREADY = "MT002"  # raised by work/marking/change.py, to be rolled back

_BY_STATE: dict[str, type[MaintError]] = {
    "25006": ReadOnlyDatabase,
    "42501": NotAllowed,
    "53300": TryAgain,
    LOCK_NOT_AVAILABLE: TryAgain,
    QUERY_CANCELED: TryAgain,
}
_BY_CLASS: dict[str, type[MaintError]] = {
    "08": ConnectionLost,
    "28": NotAllowed,
    "3D": ConfigError,
    "40": TryAgain,
    "42": ConfigError,
    "53": TryAgain,
    "57": ConnectionLost,
}


def meaning(error: psycopg.Error) -> MaintError:
    """Return our error for `error`; only the primary message is kept, details hold row content."""
    state = error.sqlstate or ""
    reason = one_line(error.diag.message_primary or str(error))
    if not state and isinstance(error, psycopg.OperationalError):
        return ConnectionLost(reason=reason)
    kind = _BY_STATE.get(state) or _BY_CLASS.get(state[:2], Fail)
    sentence = f"PostgreSQL says: {reason} ({state})." if kind is not ConnectionLost else reason
    return kind(reason=sentence)


def is_lost(error: psycopg.Error, connection: psycopg.Connection[Any] | None) -> bool:
    """Whether `error` took the connection with it, so that a new one may succeed."""
    state = error.sqlstate or ""
    return connection is None or connection.closed or state.startswith(("08", "57P"))


def one_line(text: str) -> str:
    """Fold white space, so that an error stays one line of a log."""
    return " ".join(text.split())
