"""Reading what the ledger has seen of jobs that schedulers start. Looking writes nothing."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

from psycopg import sql

from maintcli.runtime.heartbeats import Heartbeat, in_utc, watch
from maintcli.runtime.session import Row, Session

_MOST_RECENT = 200
_BY_SCHEDULER = sql.SQL("(r.origin <> 'manual' OR r.scheduled_for IS NOT NULL)")

_SINCE = sql.SQL("""
SELECT min(r.started_at) FILTER (WHERE r.config_hash = %(hash)s AND r.version = %(version)s),
       max(r.started_at)
FROM {runs} r WHERE {by_scheduler}
""")

_NEWEST = sql.SQL("""
SELECT asked.job, found.by_scheduler, found.origin, found.started_at, found.finished_at
FROM unnest(%(jobs)s::text[]) AS asked (job), LATERAL (
    (SELECT true AS by_scheduler, r.origin, r.started_at, r.finished_at FROM {runs} r
     WHERE r.job = asked.job AND {by_scheduler} ORDER BY r.started_at DESC LIMIT 1)
    UNION ALL
    (SELECT false, r.origin, r.started_at, r.finished_at FROM {runs} r
     WHERE r.job = asked.job AND NOT {by_scheduler} ORDER BY r.started_at DESC LIMIT 1)
) found
""")

_RECENT = sql.SQL("""
SELECT asked.job, found.origin, found.started_at, found.finished_at
FROM unnest(%(jobs)s::text[], %(seconds)s::float8[]) AS asked (job, seconds), LATERAL (
    SELECT r.origin, r.started_at, r.finished_at FROM {runs} r
    WHERE r.job = asked.job AND {by_scheduler}
      AND r.started_at > clock_timestamp() - make_interval(secs => asked.seconds)
    ORDER BY r.started_at DESC LIMIT %(most)s
) found ORDER BY found.started_at DESC
""")


class Came(NamedTuple):
    """A run; `ended_at` is None where it goes on or was lost."""

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
    values = {
        "jobs": [*asked],
        "seconds": [span.total_seconds() for span in asked.values()],
        "most": _MOST_RECENT,
        "hash": config_hash,
        "version": version,
    }
    ((since, last),) = _read(session, schema, _SINCE, values)
    newest = {(job, by): Came(*run) for job, by, *run in _read(session, schema, _NEWEST, values)}
    recent: dict[str, list[Came]] = {}
    for job, *run in _read(session, schema, _RECENT, values):
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


def first_with(session: Session, schema: str, config_hash: str) -> datetime | None:
    """When the first run with that configuration started; None where none had it yet."""
    query = sql.SQL("SELECT min(started_at) FROM {runs} r WHERE r.config_hash = %(hash)s")
    ((found,),) = _read(session, schema, query, {"hash": config_hash})
    return cast("datetime | None", found)


def _read(
    session: Session, schema: str, query: sql.SQL, values: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    runs = sql.Identifier(schema, "job_runs")
    rows = session.read_composed(query.format(runs=runs, by_scheduler=_BY_SCHEDULER), values)
    return [_in_utc(row) for row in rows]


def _in_utc(row: Row) -> tuple[Any, ...]:
    return tuple(in_utc(value) if hasattr(value, "astimezone") else value for value in row)


def _paused(beat: Heartbeat | None) -> str:
    if beat is None or beat.paused is None:
        return ""
    because = f": {beat.paused.why}" if beat.paused.why else ""
    return f"since {beat.paused.since:%Y-%m-%d %H:%M} by {beat.paused.by or 'somebody'}{because}"


def _is_running(beat: Heartbeat | None) -> bool:
    return beat is not None and beat.running is not None
