"""Replica lag: how long ago the primary was where a replica is now."""

import time
from collections import deque
from typing import Any

from psycopg import sql

from maintcli.config.duration import Duration
from maintcli.engines.base.words import span

# Positions of the WAL are bytes since its beginning. Consumers of logical slots are no replicas:
# some confirm nothing for hours while only tables that are not theirs change.
_QUERY = sql.SQL("""
SELECT json_build_array(here.at, (
    SELECT json_agg(json_build_array(
        coalesce(nullif(r.application_name, ''), host(r.client_addr), 'without a name'),
        r.replay_lsn - '0/0'::pg_lsn,
        extract(epoch FROM r.replay_lag)))
    FROM pg_catalog.pg_stat_replication r
    WHERE r.state IN ('streaming', 'catchup') AND r.replay_lsn - '0/0'::pg_lsn < here.at
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots s
                    WHERE s.active_pid = r.pid AND s.slot_type = 'logical')))
FROM (SELECT pg_catalog.pg_current_wal_lsn() - '0/0'::pg_lsn AS at) here
""")
_MOST_SEEN = 1_000


class ReplicaLag:
    """Streaming replicas that are further behind than `limit`.

    PostgreSQL's own replay_lag is unknown until a replica that has just connected has replayed
    something, so the positions seen before tell it, too.
    """

    name = "replica lag"
    query = _QUERY
    patience = float("inf")

    def __init__(self, limit: Duration, origin: str | None) -> None:
        self.limit = limit
        self.origin = origin
        self._seen: deque[tuple[int, float]] = deque(maxlen=_MOST_SEEN)

    def reason(self, found: Any) -> str | None:
        """Why to pause: the replica that is furthest behind."""
        now, position = time.monotonic(), int(found[0])
        replicas: list[tuple[str, int, float | None]] = found[1] or []
        lags = [(max(lag or 0.0, self._lag(at, now)), name) for name, at, lag in replicas]
        self._forget(min((at for _, at, _ in replicas), default=position))
        if not self._seen or self._seen[-1][0] < position:
            self._seen.append((position, now))
        seconds, name = max(lags, default=(0.0, ""))
        if seconds <= self.limit.approx_seconds:
            return None
        return f"replica {name} is {span(seconds)} behind (limit {self.limit})"

    def _lag(self, replayed: int, now: float) -> float:
        """The age of the oldest position seen that the replica has not reached."""
        return next((now - then for position, then in self._seen if position > replayed), 0.0)

    def _forget(self, replayed: int) -> None:
        while self._seen and self._seen[0][0] <= replayed:
            self._seen.popleft()
