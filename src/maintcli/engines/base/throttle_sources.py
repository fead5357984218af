"""What a throttle looks at: replicas, sessions that wait, WAL to be archived, a vacuum."""

import time
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from psycopg import sql

from maintcli.config.duration import Duration
from maintcli.config.variables import Sourced
from maintcli.errors import MissingPrivilege
from maintcli.runtime.context import Context
from maintcli.words import span


class Why(NamedTuple):
    """A reason to pause: the source's name, and a clause with the figures."""

    name: str
    reason: str


class Source(Protocol):
    """One thing to look at. `query` gives one JSON value, which `reason` judges.

    `name` is its key in the report, `origin` the setting that asked for it (None: nobody did),
    `patience` for how many seconds of a run it may hold a sweep up.
    """

    @property
    def name(self) -> str: ...
    @property
    def query(self) -> sql.Composable: ...
    @property
    def origin(self) -> str | None: ...
    @property
    def patience(self) -> float: ...

    def reason(self, found: Any) -> str | None:
        """Why to pause, as a clause, or None."""
        ...


# Positions of the WAL are bytes since its beginning. Consumers of logical slots are no replicas:
# some confirm nothing for hours while only tables that are not theirs change.
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


class ReplicaLag:
    """Streaming replicas that are further behind than `limit`.

    PostgreSQL's own replay_lag is unknown until a replica that has just connected has replayed
    something, so the positions seen before tell it, too.
    """

    name = "replica lag"
    query = _LAG
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


WAITING = "waiting sessions"
_WAITING_SHARE = 4  # of the timeout, the other way round

# Modes that do not go with the ROW EXCLUSIVE of a DELETE. Nobody passes who waits for one of them:
# the next batch would queue up behind, until its lock_timeout.
_HELD_BACK = sql.SQL("""
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

    name = WAITING
    origin = None

    def __init__(self, oids: Sequence[int], timeout_seconds: float) -> None:
        self.query = _HELD_BACK.format(oids=list(oids))
        self.patience = patience(timeout_seconds)

    def reason(self, found: Any) -> str | None:
        """Why to pause: how many sessions wait for which table."""
        if not found:
            return None
        sessions, table = max((sessions, table) for table, sessions in found.items())
        return f"{_who(sessions)} for a lock on {table}"


def patience(timeout_seconds: float) -> float:
    """For how many seconds of a run others that wait may hold it up."""
    return timeout_seconds / _WAITING_SHARE


def held_up(sessions: int) -> Why | None:
    """The reason to pause after a batch that so many `sessions` waited for."""
    return Why(WAITING, f"{_who(sessions)} for a row of the last batch") if sessions else None


def _who(sessions: int) -> str:
    return "a session waits" if sessions == 1 else f"{sessions:,} sessions wait"


class ArchiveQueue:
    """More than `limit` WAL files that wait to be archived."""

    name = "archive queue"
    patience = float("inf")
    query = sql.SQL(
        "SELECT to_json(count(*)) FROM pg_catalog.pg_ls_archive_statusdir()"
        " WHERE name LIKE '%.ready'"
    )

    def __init__(self, limit: int, origin: str | None) -> None:
        self.limit = limit
        self.origin = origin

    def reason(self, found: Any) -> str | None:
        """Why to pause: how many files wait."""
        if found <= self.limit:
            return None
        return f"{found:,} WAL files wait to be archived (limit {self.limit:,})"


_VACUUM_SECONDS = 60.0
_VACUUM_SHARE = 20  # of the timeout, the other way round

_VACUUMS = sql.SQL("""
SELECT to_json(min(relid::regclass::text)) FROM pg_catalog.pg_stat_progress_vacuum
WHERE relid = ANY ({oids}::oid[]) AND datname = current_database() AND pid <> pg_backend_pid()
""")


class Vacuum:
    """A vacuum of one of the tables `oids`, which would not see what we delete behind it.

    It may take hours, and a backlog only makes the next one longer. So a run waits for it for at
    most a minute, or a twentieth of its timeout, in all, and then goes on beside it.
    """

    name = "vacuum"
    origin = None

    def __init__(self, oids: Sequence[int], timeout_seconds: float) -> None:
        self.query = _VACUUMS.format(oids=list(oids))
        self.patience = min(_VACUUM_SECONDS, timeout_seconds / _VACUUM_SHARE)

    def reason(self, found: Any) -> str | None:
        """Why to pause: which table."""
        return f"a vacuum works on {found}" if found else None


_READABLE = sql.SQL("""
SELECT current_user::text, pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),
       has_function_privilege('pg_catalog.pg_ls_archive_statusdir()', 'EXECUTE'),
       current_setting('archive_mode') <> 'off'
""")


def choose(context: Context, oids: Sequence[int]) -> list[Source]:
    """The throttles for a sweep of the tables `oids`.

    Raises MissingPrivilege for one that was set and that the role cannot read. One that stands by
    default is then left out.
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
                f" nobody could keep that limit. Let a superuser run: GRANT pg_monitor TO {quoted};"
                " or take the setting out."
            )
        elif wanted:
            context.log.debug(f"{role} may not read {source.name}: no throttle of it")
    return chosen


def _limit(setting: Sourced[Any]) -> tuple[Any, str | None]:
    """A limit, and which setting it comes from (None: it is the default)."""
    return setting.value, None if setting.origin == "default" else setting.origin
