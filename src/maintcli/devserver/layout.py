"""What lies in the folder of an embedded PostgreSQL; the guard reads this too, so it is cheap."""

from maintcli.errors import ConfigError, Unreachable

USERS = "users.lock"
"""Held shared by every process that uses the server."""
START = "start.lock"
"""Held while somebody looks whether the server runs, and starts it."""
GUARD = "guard.lock"
"""Held by the guard as long as it lives."""
DATA = "data"
"""PostgreSQL's own folder."""
LOG = "server.log"
"""What initdb and the server said since the last start."""
RECORD = "server"
"""Where the socket is; a second line says `ready`."""

PORT = "5432"
SOCKET = f".s.PGSQL.{PORT}"
READY, TAKEN = "ready", "taken"
"""What a guard answers; anything else is what went wrong."""


def unusable(reason: str) -> ConfigError:
    """The error for a folder, package or system that cannot serve."""
    return ConfigError(f"The embedded PostgreSQL cannot be used: {reason}.")


def unreachable(reason: str) -> Unreachable:
    """The error for a server that does not start, or not answer."""
    return Unreachable(f"The database cannot be reached: {reason}.")
