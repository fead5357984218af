"""What a throttle looks at: replicas, sessions that wait, WAL to be archived, a vacuum."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from maintcli.config.duration import Duration
from maintcli.config.variables import Sourced
from maintcli.db import sqlstate
from maintcli.errors import MissingPrivilege
from maintcli.runtime.context import Context
from maintcli.words import span

_LOOK_SECONDS = 1.0


class Why(NamedTuple):
    """A reason to pause: the source's name, and a clause with the figures."""

    name: str
    reason: str


class Source:
    """One thing to look at. `query` gives one JSON value, which `reason` judges.

    `name` is its key in the report, `origin` the setting that asked for it (None: a default),
    `patience` for how many seconds of a run it may pause a sweep.
    """

    name: str
    query: sql.Composable
    origin: str | None = None
    patience: float = float("inf")

    def reason(self, found: Any) -> str | None:
        """Why to pause, as a clause, or None."""
        raise NotImplementedError


# Positions of the WAL are bytes since its beginning. Consumers of logical slots are not replicas:
# some confirm nothing for hours while only other tables change.
_LAG = sql.SQL("""
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


class ReplicaLag(Source):
    """Streaming replicas that are further behind than `limit`.

    PostgreSQL's own replay_lag is unknown until a replica that has just connected has replayed
    something, so the positions seen before are used as well.
    """

    name = "replica lag"
    query = _LAG

    def __init__(self, limit: Duration, origin: str | None) -> None:
        self.limit = limit
        self.origin = origin
        self._seen: deque[tuple[int, float]] = deque(maxlen=_MOST_SEEN)

    def reason(self, found: Any) -> str | None:
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


WAITING = "waiting sessions"
_WAITING_SHARE = 4  # one part of the timeout in so many

# Modes that conflict with the ROW EXCLUSIVE of a DELETE. The next batch would queue up behind a
# session that waits for one of them, until its lock_timeout.
_HELD_BACK = sql.SQL("""
SELECT json_object_agg(relation::regclass, sessions) FROM (
    SELECT relation, count(DISTINCT pid) AS sessions FROM pg_catalog.pg_locks
    WHERE NOT granted AND locktype = 'relation' AND relation = ANY ({oids}::oid[])
      AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
      AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
    GROUP BY relation) waiting
""")


class WaitingSessions(Source):
    """Other sessions that wait for a lock on one of the tables `oids`.

    On a busy table a session waits now and then, and each for one batch only. So this pauses a run
    for at most a quarter of its timeout, and can never throttle it out.
    """

    name = WAITING

    def __init__(self, oids: Sequence[int], timeout_seconds: float) -> None:
        self.query = _HELD_BACK.format(oids=list(oids))
        self.patience = timeout_seconds / _WAITING_SHARE

    def reason(self, found: Any) -> str | None:
        if not found:
            return None
        sessions, table = max((sessions, table) for table, sessions in found.items())
        return f"{waiting(sessions)} for a lock on {table}"


def patience_with_waiting(context: Context) -> float:
    """For how many seconds of a run other sessions that wait may pause it."""
    return context.deadline.seconds / _WAITING_SHARE


def waiting(sessions: int) -> str:
    """That so many sessions wait, as the beginning of a clause."""
    return "a session waits" if sessions == 1 else f"{sessions:,} sessions wait"


class ArchiveQueue(Source):
    """More than `limit` WAL files that wait to be archived."""

    name = "archive queue"
    query = sql.SQL(
        "SELECT to_json(count(*)) FROM pg_catalog.pg_ls_archive_statusdir()"
        " WHERE name LIKE '%.ready'"
    )

    def __init__(self, limit: int, origin: str | None) -> None:
        self.limit = limit
        self.origin = origin

    def reason(self, found: Any) -> str | None:
        if found <= self.limit:
            return None
        return f"{found:,} WAL files wait to be archived (limit {self.limit:,})"


_VACUUM_SECONDS = 60.0
_VACUUM_SHARE = 20  # one part of the timeout in so many

_VACUUMS = sql.SQL("""
SELECT to_json(min(relid::regclass::text)) FROM pg_catalog.pg_stat_progress_vacuum
WHERE relid = ANY ({oids}::oid[]) AND datname = current_database() AND pid <> pg_backend_pid()
""")


class Vacuum(Source):
    """A vacuum of one of the tables `oids`, which does not see the rows that we delete meanwhile.

    It may take hours, and a backlog only makes the next one longer. So a run waits for it for at
    most a minute, or a twentieth of its timeout, in all, and then continues beside it.
    """

    name = "vacuum"

    def __init__(self, oids: Sequence[int], timeout_seconds: float) -> None:
        self.query = _VACUUMS.format(oids=list(oids))
        self.patience = min(_VACUUM_SECONDS, timeout_seconds / _VACUUM_SHARE)

    def reason(self, found: Any) -> str | None:
        return f"a vacuum works on {found}" if found else None


_READABLE = sql.SQL("""
SELECT current_user::text, pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),
       has_function_privilege('pg_catalog.pg_ls_archive_statusdir()', 'EXECUTE'),
       current_setting('archive_mode') <> 'off'
""")


def sources(context: Context, oids: Sequence[int]) -> list[Source]:
    """The sources for a sweep of the tables `oids`.

    One that the role cannot read is left out; raises MissingPrivilege if a setting asks for it.
    """
    ((role, stats, archive, archiving),) = context.session.read_composed(_READABLE, ours=True)
    values = context.order.values
    sources: list[tuple[Source, bool, bool]] = [
        (ReplicaLag(*_limit(values["max_replica_lag"])), stats, True),
        (WaitingSessions(oids, context.deadline.seconds), True, True),
        (ArchiveQueue(*_limit(values["max_archive_queue"])), archive, archiving),
        (Vacuum(oids, context.deadline.seconds), stats, True),
    ]
    chosen: list[Source] = []
    for source, readable, wanted in sources:
        if readable and wanted:
            chosen.append(source)
        elif wanted and source.origin:
            quoted = sql.Identifier(role).as_string()
            raise MissingPrivilege(
                f"{source.origin} is set, and role {quoted} may not read the {source.name}, so"
                " maint cannot keep that limit. Let a superuser run: GRANT pg_monitor TO"
                f" {quoted}; or remove the setting."
            )
        elif wanted:
            context.log.debug(f"{role} may not read {source.name}: no throttle of it")
    return chosen


def _limit(setting: Sourced[Any]) -> tuple[Any, str | None]:
    """A limit, and the setting that it comes from (None: the default)."""
    return setting.value, None if setting.origin == "default" else setting.origin


class Look:
    """Reads every source in one short READ ONLY query."""

    def __init__(self, context: Context, sources: Sequence[Source]) -> None:
        self._context = context
        self._sources = list(sources)

    def why(self, paused_ms: Mapping[str, int]) -> Why | None:
        """The first reason to pause; `paused_ms` is how long each has held the run up."""
        sources = [s for s in self._sources if paused_ms.get(s.name, 0) < s.patience * 1000]
        reasons = [self._reason(source, found) for source, found in self._read(sources)]
        return next((why for why in reasons if why is not None), None)

    def _reason(self, source: Source, found: Any) -> Why | None:
        reason = found.reason if isinstance(found, _Failed) else source.reason(found)
        return Why(source.name, reason) if reason else None

    def _read(self, sources: Sequence[Source]) -> list[tuple[Source, Any]]:
        if not sources:
            return []
        columns = sql.SQL(", ").join(sql.SQL("({})").format(source.query) for source in sources)
        query = sql.SQL("SELECT {}").format(columns)
        try:
            (row,) = self._context.session.read_composed(
                query, statement_seconds=_LOOK_SECONDS, ours=True
            )
        except psycopg.Error as error:
            return self._failed(sources, error)
        return list(zip(sources, row, strict=True))

    def _failed(self, sources: Sequence[Source], error: psycopg.Error) -> list[tuple[Source, Any]]:
        """Read one by one what could not be read at once.

        A source that fails alone is left out from now on, unless a setting asks for it: then it is
        a reason to pause. One that only took too long is read again at the next look.
        """
        lost = sqlstate.is_lost(error, self._context.session.connection_or_none)
        if len(sources) > 1 and not lost:
            return [pair for source in sources for pair in self._read([source])]
        why = sqlstate.said(error)
        failed = [(source, _Failed(f"{source.name} cannot be read: {why}")) for source in sources]
        for source, (reason,) in failed:
            self._context.log.debug(reason)
            if not (lost or source.origin or error.sqlstate == sqlstate.QUERY_CANCELED):
                self._sources.remove(source)
        return [(source, found) for source, found in failed if source.origin]


class _Failed(NamedTuple):
    """Stands for a value that could not be read."""

    reason: str
