"""Sessions that wait for a sweep, or for a lock that its next batch would have to queue up for."""

from collections.abc import Sequence
from typing import Any

from psycopg import sql

from maintcli.engines.base.throttle.source import Why

NAME = "waiting sessions"
_MOST_SHARE = 4  # of the timeout, the other way round

WAITING = sql.SQL("""(SELECT count(DISTINCT pid) FROM pg_catalog.pg_locks
    WHERE NOT granted AND pg_backend_pid() = ANY (pg_catalog.pg_blocking_pids(pid)))""")
"""Who waits for this transaction. It is asked at the end of a batch, which still holds its locks:
between batches nobody can wait for us."""

# Modes that do not go with the ROW EXCLUSIVE of a DELETE. Nobody passes who waits for one of them:
# the next batch would queue up behind, until its lock_timeout.
_QUERY = sql.SQL("""
SELECT json_object_agg(relation::regclass, sessions) FROM (
    SELECT relation, count(DISTINCT pid) AS sessions FROM pg_catalog.pg_locks
    WHERE NOT granted AND locktype = 'relation' AND relation = ANY ({oids}::oid[])
      AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
      AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
    GROUP BY relation) waiting
""")


class WaitingSessions:
    """Others that wait for a lock on one of the tables `oids`.

    On a busy table somebody waits now and then, and each waits for one batch only. So this holds a
    run up for at most a quarter of its timeout, and can never throttle it out.
    """

    name = NAME
    origin = None

    def __init__(self, oids: Sequence[int], timeout_seconds: float) -> None:
        self.query = _QUERY.format(oids=list(oids))
        self.patience = patience(timeout_seconds)

    def reason(self, found: Any) -> str | None:
        """Why to pause: how many sessions wait for which table."""
        if not found:
            return None
        sessions, table = max((sessions, table) for table, sessions in found.items())
        return f"{_who(sessions)} for a lock on {table}"


def patience(timeout_seconds: float) -> float:
    """For how many seconds of a run others that wait may hold it up."""
    return timeout_seconds / _MOST_SHARE


def held_up(sessions: int) -> Why | None:
    """The reason to pause after a batch that so many `sessions` waited for."""
    return Why(NAME, f"{_who(sessions)} for a row of the last batch") if sessions else None


def _who(sessions: int) -> str:
    return "a session waits" if sessions == 1 else f"{sessions:,} sessions wait"
