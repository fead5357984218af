"""Pausing a job: kept in its row of the database, so that every runner knows."""

import os
import socket

from psycopg import sql

from maintcli.db import formats
from maintcli.runtime.heartbeats import Paused, in_utc
from maintcli.runtime.session import Session

# A second pause keeps the first one's time, and its reason unless a new one is given.
_PAUSE = sql.SQL("""
INSERT INTO {heartbeats} AS h (name, paused_at, paused_by, pause_reason)
VALUES (%(job)s, clock_timestamp(), %(by)s, %(why)s)
ON CONFLICT (name) DO UPDATE SET paused_at = coalesce(h.paused_at, excluded.paused_at),
    paused_by = excluded.paused_by, pause_reason = coalesce(excluded.pause_reason, h.pause_reason)
RETURNING paused_at, paused_by, pause_reason
""")

_RESUME = sql.SQL("""
UPDATE {heartbeats} SET paused_at = NULL, paused_by = NULL, pause_reason = NULL
WHERE name = %(job)s AND paused_at IS NOT NULL RETURNING 1
""")


def pause(session: Session, schema: str, job: str, *, by: str, why: str | None) -> Paused:
    """Keep `job` from running until it is resumed; a run that goes on is not stopped."""
    values = formats.storable(session.connection, {"job": job, "by": by, "why": why})
    ((since, who, reason),) = session.write(_PAUSE.format(heartbeats=_table(schema)), values)
    return Paused(since=in_utc(since), by=who, why=reason)


def resume(session: Session, schema: str, job: str) -> bool:
    """Let `job` run again; False where it was not paused."""
    return bool(session.write(_RESUME.format(heartbeats=_table(schema)), {"job": job}))


def whoami() -> str:
    """The user and host that a pause is signed with."""
    import pwd

    try:
        user = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container's user without a name
        user = str(os.geteuid())
    return f"{user}@{socket.gethostname()}"


def _table(schema: str) -> sql.Composable:
    return sql.Identifier(schema, "job_heartbeats")
