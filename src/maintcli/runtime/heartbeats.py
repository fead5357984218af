"""What the toolkit's tables say of each job right now. Looking writes nothing."""

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from psycopg import sql

from maintcli.config.duration import Duration
from maintcli.db import formats
from maintcli.runtime import history
from maintcli.runtime.history import in_utc
from maintcli.runtime.lease import ttl
from maintcli.runtime.session import Session
from maintcli.runtime.whole import Whole, wholes
from maintcli.words import paused


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """Since when a job is paused, by whom, and why (None: not given), and until when (None: until
    it is resumed).
    """

    since: datetime
    by: str | None
    why: str | None
    until: datetime | None = None

    def __str__(self) -> str:
        return paused(self.since, self.by, self.why, self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A run that has not ended; `lease_expires_at` is None for one that is lost."""

    run_id: str
    since: datetime
    lease_expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """A job's row, its newest run, the run in progress, and those that never finished.

    `outcome` is that of the newest run; a run whose lease has ended counts as lost already. Where
    that run is a part of a `whole`, the whole is meant, and `running` is one of its parts.
    `consecutive_failures` has the lost runs, too, which the row itself gets with the next run.
    `ahead` are the row's columns that lie in the future, since the server's clock went back.
    """

    name: str
    last_heartbeat: datetime | None
    runner_id: str | None
    last_success_at: datetime | None
    consecutive_failures: int
    last_error: str | None
    last_error_at: datetime | None
    paused: Paused | None
    running: Started | None
    lost: tuple[Started, ...]
    outcome: str | None
    run_id: str | None
    started_at: datetime | None
    whole: Whole | None = None
    ahead: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """What is known of a job. `late_since` is the first due time at which nothing came.

    `beat` is None for a job never seen to run, `group` for one that is in the database alone.
    Without `is_configured` there is nothing for it to do yet. `when` is the schedule in words.
    """

    name: str
    summary: str
    group: str | None
    origin: str
    schedule: str
    timezone: str
    enabled: bool
    next_run_at: datetime | None
    late_since: datetime | None = None
    beat: Heartbeat | None = None
    is_configured: bool = True
    when: str = ""

    @property
    def is_scheduled(self) -> bool:
        """Whether it is to be started by itself."""
        return self.enabled and bool(self.schedule)

    @property
    def state(self) -> str:
        """The one word that matters most."""
        beat = self.beat
        if beat is not None and beat.running:
            return "running"
        if beat is not None and beat.paused:
            return "paused"
        if beat is None or beat.outcome is None:
            return "never seen"
        return "late" if self.late_since else beat.outcome


@dataclass(frozen=True, slots=True)
class Watch:
    """All heartbeats by name, the database's time, and when the toolkit's tables were made."""

    now: datetime
    made_at: datetime
    beats: Mapping[str, Heartbeat]


_CLOCK = sql.SQL(
    "SELECT clock_timestamp(), coalesce(min(applied_at), clock_timestamp()) FROM {migrations}"
)

_BEATS = sql.SQL("""
SELECT h.name, h.last_heartbeat, h.runner_id, h.last_success_at, h.consecutive_failures,
       h.last_error, h.last_error_at,
       CASE WHEN coalesce(h.paused_until > clock_timestamp(), true) THEN h.paused_at END,
       h.paused_by, h.pause_reason, h.paused_until,
       live.run_id::text, live.started_at, live.lease_expires_at,
       coalesce(lost.ids, '{{}}'), coalesce(lost.starts, '{{}}'),
       CASE WHEN newest.outcome = 'running' AND newest.run_id = ANY(lost.uuids)
            THEN 'lost' ELSE newest.outcome END,
       newest.run_id::text, newest.started_at, ahead.columns, newest.run_group
FROM {heartbeats} h
{runs_of_job}
LEFT JOIN LATERAL (
    SELECT array_agg(DISTINCT c.name) AS columns
    FROM {heartbeats} k CROSS JOIN LATERAL (VALUES
        ('last_heartbeat', k.last_heartbeat),
        ('last_success_at', k.last_success_at),
        ('lease_expires_at', k.lease_expires_at - {ttl})
    ) AS c(name, at)
    WHERE (k.name = h.name OR starts_with(k.name, h.name || ' '))
      AND c.at > clock_timestamp() + interval '1 s'
) ahead ON true
WHERE h.name !~ ' [0-9]+/[0-9]+$'  -- the lease of one part
ORDER BY h.name
""")

# A second pause keeps the first one's time, and its reason unless a new one is given. One whose
# time is over is no pause any more.
_PAUSE = sql.SQL("""
INSERT INTO {heartbeats} AS h (name, paused_at, paused_by, pause_reason, paused_until)
VALUES (%(job)s, clock_timestamp(), %(by)s, %(why)s, coalesce(%(until)s,
        clock_timestamp() + make_interval(months => %(months)s, secs => %(seconds)s)))
ON CONFLICT (name) DO UPDATE SET
    paused_at = CASE WHEN h.paused_until <= clock_timestamp() THEN excluded.paused_at
        ELSE coalesce(h.paused_at, excluded.paused_at) END,
    pause_reason = CASE WHEN h.paused_until <= clock_timestamp() THEN excluded.pause_reason
        ELSE coalesce(excluded.pause_reason, h.pause_reason) END,
    paused_by = excluded.paused_by,
    paused_until = excluded.paused_until
RETURNING paused_at, paused_by, pause_reason, paused_until
""")

_RESUME = sql.SQL("""
WITH before AS (
    SELECT name, coalesce(paused_until > clock_timestamp(), true) AS in_force FROM {heartbeats}
    WHERE name = %(job)s AND paused_at IS NOT NULL
)
UPDATE {heartbeats} h
SET paused_at = NULL, paused_by = NULL, pause_reason = NULL, paused_until = NULL
FROM before WHERE h.name = before.name RETURNING in_force
""")


def watch(session: Session, schema: str) -> Watch:
    """Read every job's row of the toolkit's tables in `schema`."""
    names = {
        "heartbeats": sql.Identifier(schema, "job_heartbeats"),
        "runs_of_job": history.of_each_job(schema),
        "migrations": sql.Identifier(schema, "maint_migrations"),
    }
    ((now, made_at),) = session.read_composed(_CLOCK.format(**names))
    rows = session.read_composed(_BEATS.format(**names, ttl=ttl()))
    joined = _wholes(session, schema, [group for *_, group in rows if group])
    beats = [_beat(tuple(rest), joined.get((rest[0], group))) for *rest, group in rows]
    return Watch(in_utc(now), in_utc(made_at), {beat.name: beat for beat in beats})


def _wholes(
    session: Session, schema: str, groups: Sequence[str]
) -> Mapping[tuple[Any, Any], Whole]:
    if not groups:
        return {}
    found = wholes(history.members(session, schema, (), groups))
    return {(one.run.job, one.run.run_group): one for one in reversed(found)}


def pause(
    session: Session,
    schema: str,
    job: str,
    *,
    by: str,
    why: str | None,
    length: Duration | None = None,
    until: datetime | None = None,
) -> Paused:
    """Keep `job` from running for a `length` of time, `until` a time, or until it is resumed.

    A run in progress is not stopped.
    """
    values = formats.storable(session.connection, {"job": job, "by": by, "why": why}) | {
        "until": until,
        "months": length.months if length else None,
        "seconds": length.seconds if length else None,
    }
    ((since, who, reason, end),) = session.write(
        _PAUSE.format(heartbeats=sql.Identifier(schema, "job_heartbeats")), values
    )
    return Paused(since=in_utc(since), by=who, why=reason, until=in_utc(end) if end else None)


def resume(session: Session, schema: str, job: str) -> bool:
    """Let `job` run again; False where it was not paused."""
    heartbeats = sql.Identifier(schema, "job_heartbeats")
    rows = session.write(_RESUME.format(heartbeats=heartbeats), {"job": job})
    return bool(rows) and bool(rows[0][0])


def whoami() -> str:
    """The user and host that a pause is signed with."""
    import pwd

    try:
        user = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container's user without a name
        user = str(os.geteuid())
    return f"{user}@{socket.gethostname()}"


def in_the_future(columns: Sequence[str]) -> str:
    """What is wrong with the times in `columns`, as a clause; blank where there are none."""
    if not columns:
        return ""
    lies = "lies" if len(columns) == 1 else "lie"
    return f"{' and '.join(columns)} {lies} in the future, since the server's clock went back"


def _beat(row: tuple[Any, ...], whole: Whole | None) -> Heartbeat:
    name, heartbeat, runner, success, failures, error, error_at, *rest = _times_in_utc(row)
    paused_at, paused_by, why, until, live, since, expires, lost, starts, outcome, run, *rest = rest
    started, ahead = rest
    return Heartbeat(
        name=name,
        last_heartbeat=heartbeat,
        runner_id=runner,
        last_success_at=success,
        consecutive_failures=failures + len(lost),
        last_error=error,
        last_error_at=error_at,
        paused=Paused(since=paused_at, by=paused_by, why=why, until=until) if paused_at else None,
        running=Started(run_id=live, since=since, lease_expires_at=expires) if live else None,
        lost=tuple(
            Started(run_id=run_id, since=in_utc(start))
            for run_id, start in zip(lost, starts, strict=True)
        ),
        outcome=whole.run.outcome if whole else outcome,
        run_id=whole.run.run_id if whole else run,
        started_at=whole.run.started_at if whole else started,
        whole=whole,
        ahead=tuple(ahead or ()),
    )


def _times_in_utc(row: tuple[Any, ...]) -> list[Any]:
    return [in_utc(value) if isinstance(value, datetime) else value for value in row]


class Came(NamedTuple):
    """A run; `ended_at` is None where it is in progress or was lost."""

    origin: str
    started_at: datetime
    ended_at: datetime | None


class Seen(NamedTuple):
    """Of one job: the newest run that a scheduler started, and the newest by hand.

    `recent` are the scheduler's runs of the time that was asked for, the newest first. `paused`
    says since when, by whom and why; blank where it is not paused.
    """

    newest: Came | None = None
    by_hand: Came | None = None
    recent: tuple[Came, ...] = ()
    paused: str = ""
    is_running: bool = False


class Looked(NamedTuple):
    """All of it. `since` is from when on this version and configuration are known to be in force;
    None where no run had them. `last_other` is then the newest run that a scheduler started.
    """

    now: datetime
    made_at: datetime
    since: datetime | None
    last_other: datetime | None
    jobs: Mapping[str, Seen]


def look(
    session: Session, schema: str, asked: Mapping[str, timedelta], *, config_hash: str, version: str
) -> Looked:
    """What is known of each job in `asked`, with its recent runs of that time."""
    watched = watch(session, schema)
    since, last = history.in_force(session, schema, config_hash, version)
    newest = {
        (job, by): Came(*run) for job, by, *run in history.newest_started(session, schema, [*asked])
    }
    recent: dict[str, list[Came]] = {}
    for job, *run in history.recently_scheduled(session, schema, asked):
        recent.setdefault(job, []).append(Came(*run))
    return Looked(
        now=watched.now,
        made_at=watched.made_at,
        since=since,
        last_other=last,
        jobs={
            job: Seen(
                newest=newest.get((job, True)),
                by_hand=newest.get((job, False)),
                recent=tuple(recent.get(job, ())),
                paused=_paused(watched.beats.get(job)),
                is_running=_is_running(watched.beats.get(job)),
            )
            for job in asked
        },
    )


def _paused(beat: Heartbeat | None) -> str:
    if beat is None or beat.paused is None:
        return ""
    return str(beat.paused)


def _is_running(beat: Heartbeat | None) -> bool:
    return beat is not None and beat.running is not None
