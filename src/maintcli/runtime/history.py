"""The ledger read back: past runs, one of them by its id, and what they left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, cast

import psycopg
from psycopg import sql

from maintcli.db import formats, toolkit
from maintcli.errors import Outcome, Usage
from maintcli.runtime.lease import Lease
from maintcli.runtime.session import Row, Session


class Backlog(NamedTuple):
    """The rows that a job's newest run left, with its forecast where it made one."""

    rows: int
    forecast: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """A row of the ledger. A run in progress is `running`, and `lost` once its lease has ended.

    Runs that share a table are `part`, from 0, of `parts`, and joined by `run_group`.
    """

    run_id: str
    job: str
    outcome: str
    exit_code: int | None
    message: str | None
    started_at: datetime
    finished_at: datetime | None
    origin: str
    scheduled_for: datetime | None
    host: str
    runner_id: str
    version: str
    config_hash: str
    parameters: Mapping[str, Any]
    batches: int
    deleted_count: int
    updated_count: int
    counts: Mapping[str, Any]
    run_group: str | None = None
    part: int | None = None
    parts: int | None = None
    traceback: str | None = None

    @property
    def duration_ms(self) -> int | None:
        """How long it took; None for one in progress or lost."""
        if self.finished_at is None or self.outcome == Outcome.LOST:
            return None
        return round((self.finished_at - self.started_at).total_seconds() * 1000)


_RUNS = """
SELECT * FROM (
    SELECT r.run_id::text, r.job,
           CASE WHEN r.outcome = 'running' AND NOT EXISTS (
                    SELECT FROM {heartbeats} h WHERE h.lease_run_id = r.run_id
                    AND h.lease_expires_at {live})
                THEN 'lost' ELSE r.outcome END AS outcome,
           r.exit_code, r.message, r.started_at, r.finished_at, r.origin, r.scheduled_for, r.host,
           r.runner_id, r.version, r.config_hash, r.parameters, r.batches, r.deleted_count,
           r.updated_count, r.counts, r.run_group, r.part, r.parts, r.traceback
    FROM {runs} r
"""
# A whole of several parts is one: as new as its newest, and as failed as the last of any part.
_NEWEST = sql.SQL(
    """
SELECT array_agg(run_id::uuid), run_group FROM ("""
    + _RUNS
    + """    WHERE (%(job)s::text IS NULL OR r.job = %(job)s) AND NOT EXISTS (
        SELECT FROM {runs} later WHERE later.run_group = r.run_group AND later.job = r.job
        AND later.parts = r.parts AND later.part = r.part AND later.started_at > r.started_at)
) latest) run WHERE %(outcomes)s::text[] IS NULL OR outcome = ANY(%(outcomes)s)
GROUP BY job, parts, run_group, CASE WHEN run_group IS NULL THEN run_id END
ORDER BY max(started_at) DESC, max(run_id) DESC LIMIT %(limit)s
"""
)
_MEMBERS = sql.SQL(
    _RUNS
    + """    WHERE r.run_id = ANY(%(ids)s::uuid[]) OR r.run_group = ANY(%(groups)s::text[])
) run ORDER BY started_at DESC, run_id DESC
"""
)
_FOUND = sql.SQL(
    _RUNS + "    WHERE r.run_id BETWEEN %(first)s::uuid AND %(last)s::uuid\n) run LIMIT 3"
)
# Runs that the guards let through, and that were not stopped from outside.
_AGES = sql.SQL("""
SELECT age_column, run.retention, run.started_at
FROM unnest({columns}::text[]) AS age_column, LATERAL (
    SELECT retention, started_at FROM {runs}
    WHERE job = {job} AND outcome IN ('success', 'partial', 'timeout')
      AND EXISTS (SELECT FROM jsonb_object_keys(retention) AS key
                  WHERE key = age_column OR starts_with(key, age_column || ' '))
    ORDER BY started_at DESC LIMIT 1) AS run
""")

# Runs with other ages had another backlog; a run that was killed did not write them down. The
# parts of one run stand for themselves: what they deleted is added up like that of runs.
_BEFORE = sql.SQL("""
SELECT clock_timestamp(), coalesce(r.finished_at, r.started_at),
       coalesce(extract(epoch FROM r.finished_at - r.started_at), 0)::float8, r.deleted_count,
       r.backlog,
       r.outcome <> 'success' OR r.backlog > coalesce((r.counts ->> 'locked_count')::bigint, 0)
FROM {runs} this LEFT JOIN {runs} r ON r.run_id <> this.run_id
    AND r.job = this.job AND r.retention IN ({retention}, '{{}}')
    AND r.started_at <= this.started_at
    AND r.started_at > this.started_at - make_interval(days => {days})
    AND r.outcome NOT IN ('skipped', 'refused')
WHERE this.run_id = {run}
ORDER BY r.started_at DESC LIMIT {most}
""")

# Of each job the newest run that came to an end.
_BACKLOGS = sql.SQL("""
SELECT h.name, newest.backlog, newest.counts -> 'forecast' FROM {heartbeats} h, LATERAL (
    SELECT backlog, counts FROM {runs}
    WHERE job = h.name AND outcome NOT IN ('running', 'lost', 'skipped', 'refused')
    ORDER BY started_at DESC LIMIT 1
) newest WHERE newest.backlog IS NOT NULL
""")

_READABLE = sql.SQL("SELECT retention FROM {runs} LIMIT 0")
_DIGITS = 32
_MOST_RUNS = 50
_MOST_DAYS = 30
_FAILURES = [outcome.value for outcome in Outcome if outcome.is_failure]

# Joined with each job's row `h`: the run in progress, the newest, and those that never finished.
_OF_EACH_JOB = sql.SQL("""LEFT JOIN LATERAL (
    SELECT r.run_id, r.started_at, k.lease_expires_at
    FROM {runs} r JOIN {heartbeats} k ON k.lease_run_id = r.run_id
    WHERE r.job = h.name AND r.outcome = 'running' AND k.lease_expires_at {live}
    ORDER BY r.started_at LIMIT 1
) live ON true
LEFT JOIN LATERAL (
    SELECT run_id, outcome, started_at, run_group FROM {runs}
    WHERE job = h.name AND started_at <= clock_timestamp() ORDER BY started_at DESC LIMIT 1
) newest ON true
LEFT JOIN LATERAL (
    SELECT array_agg(run_id::text ORDER BY started_at) AS ids,
           array_agg(started_at ORDER BY started_at) AS starts, array_agg(run_id) AS uuids
    FROM {runs} r WHERE job = h.name AND outcome = 'running' AND NOT EXISTS (
        SELECT FROM {heartbeats} k
        WHERE k.lease_run_id = r.run_id AND k.lease_expires_at {live})
) lost ON true""")

_MOST_RECENT = 200
_BY_SCHEDULER = sql.SQL("(r.origin <> 'manual' OR r.scheduled_for IS NOT NULL)")

_IN_FORCE = sql.SQL("""
SELECT min(r.started_at) FILTER (WHERE r.config_hash = %(hash)s AND r.version = %(version)s),
       max(r.started_at)
FROM {runs} r WHERE {by_scheduler}
""")

_NEWEST_STARTED = sql.SQL("""
SELECT asked.job, found.by_scheduler, found.origin, found.started_at, found.finished_at
FROM unnest(%(jobs)s::text[]) AS asked (job), LATERAL (
    (SELECT true AS by_scheduler, r.origin, r.started_at, r.finished_at FROM {runs} r
     WHERE r.job = asked.job AND {by_scheduler} ORDER BY r.started_at DESC LIMIT 1)
    UNION ALL
    (SELECT false, r.origin, r.started_at, r.finished_at FROM {runs} r
     WHERE r.job = asked.job AND NOT {by_scheduler} ORDER BY r.started_at DESC LIMIT 1)
) found
""")

_RECENTLY_SCHEDULED = sql.SQL("""
SELECT asked.job, found.origin, found.started_at, found.finished_at
FROM unnest(%(jobs)s::text[], %(seconds)s::float8[]) AS asked (job, seconds), LATERAL (
    SELECT r.origin, r.started_at, r.finished_at FROM {runs} r
    WHERE r.job = asked.job AND {by_scheduler}
      AND r.started_at > clock_timestamp() - make_interval(secs => asked.seconds)
    ORDER BY r.started_at DESC LIMIT {most}
) found ORDER BY found.started_at DESC
""")


def history(
    session: Session, schema: str, *, job: str | None = None, limit: int = 20, failed: bool = False
) -> list[PastRun]:
    """The newest `limit` runs, of one job or of all, newest first; `failed`: only failures.

    Runs that are parts of one whole count as one, and come all.
    """
    values = {"job": job, "limit": limit, "outcomes": _FAILURES if failed else None}
    newest = session.read_composed(_NEWEST.format(**_names(schema)), values, ours=True)
    ids = [run_id for found, _ in newest for run_id in found]
    return members(session, schema, ids, [group for _, group in newest if group])


def members(
    session: Session, schema: str, ids: Sequence[Any], groups: Sequence[str]
) -> list[PastRun]:
    """The runs with these ids, and all runs of these groups, newest first."""
    values = {"ids": list(ids), "groups": list(groups)}
    rows = session.read_composed(_MEMBERS.format(**_names(schema)), values, ours=True)
    return [_run(row) for row in rows]


def find(session: Session, schema: str, prefix: str) -> PastRun:
    """The one run whose id begins with `prefix`. Raises Usage where that is none, or several."""
    if not is_id(prefix):
        raise Usage(f"{prefix!r} is no run id; maint history lists them.")
    digits = _digits(prefix)
    values = {"first": digits.ljust(_DIGITS, "0"), "last": digits.ljust(_DIGITS, "f")}
    rows = session.read_composed(_FOUND.format(**_names(schema)), values, ours=True)
    if not rows:
        raise Usage(f"There is no run {prefix}; maint history lists them.")
    if len(rows) > 1:
        ids = ", ".join(row[0] for row in rows)
        raise Usage(f"Several runs begin with {prefix}, such as {ids}; give more of the id.")
    return _run(rows[0])


def is_id(text: str) -> bool:
    """Whether a run's id may begin with `text`."""
    digits = _digits(text)
    return 0 < len(digits) <= _DIGITS and not digits.strip("0123456789abcdef")


def _digits(text: str) -> str:
    return text.replace("-", "").lower()


def together(session: Session, schema: str, run: PastRun) -> list[PastRun]:
    """`run` and all that are parts of the same whole, newest first."""
    if run.run_group is None:
        return [run]
    found = members(session, schema, (), [run.run_group])
    return [one for one in found if (one.job, one.parts) == (run.job, run.parts)]


def is_readable(session: Session, schema: str) -> bool:
    """Whether the role may read past runs."""
    try:
        _ = session.read_composed(_READABLE.format(**_names(schema)))
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def ages(session: Session, schema: str, job: str, columns: Sequence[str]) -> list[Row]:
    """Of the newest run that swept by each column: column, ages by their keys, and its start."""
    query = _AGES.format(**_names(schema), columns=list(columns), job=job)
    return session.read_composed(query, ours=True)


def before(session: Session, lease: Lease, retention: Mapping[str, str]) -> list[Row]:
    """The clock, then of each run before this one with the same ages, the newest first: its end,
    seconds, rows deleted, backlog, and whether it was unfinished; NULLs where there is none.
    """
    query = _BEFORE.format(
        **_names(lease.schema),
        run=lease.run_id,
        retention=formats.as_json(retention),
        days=_MOST_DAYS,
        most=_MOST_RUNS,
    )
    return session.read_composed(query, ours=True)


def backlogs(session: Session, schema: str) -> dict[str, Backlog]:
    """What the newest run of each job left, by the job's name; 0 where it left nothing."""
    rows = session.read_composed(_BACKLOGS.format(**_names(schema)), ours=True)
    return {name: Backlog(rows_left, forecast) for name, rows_left, forecast in rows}


def of_each_job(schema: str) -> sql.Composable:
    """SQL joined with a job's row `h`, as live, newest and lost: see heartbeats.py."""
    return _OF_EACH_JOB.format(**_names(schema))


def in_force(
    session: Session, schema: str, config_hash: str, version: str
) -> tuple[datetime | None, datetime | None]:
    """Of the runs that a scheduler started: when the first had that configuration and version, and
    when the newest started.
    """
    values = {"hash": config_hash, "version": version}
    ((since, newest),) = _scheduled(session, schema, _IN_FORCE, values)
    return since, newest


def newest_started(session: Session, schema: str, jobs: Sequence[str]) -> list[Row]:
    """Of each of `jobs` the newest run that a scheduler started, and the newest of any other:
    job, whether a scheduler did, origin, start, end.
    """
    return _scheduled(session, schema, _NEWEST_STARTED, {"jobs": jobs})


def recently_scheduled(session: Session, schema: str, jobs: Mapping[str, timedelta]) -> list[Row]:
    """The runs that a scheduler started within each job's time: job, origin, start, end."""
    seconds = [span.total_seconds() for span in jobs.values()]
    values = {"jobs": [*jobs], "seconds": seconds}
    return _scheduled(session, schema, _RECENTLY_SCHEDULED, values)


def first_with(session: Session, schema: str, config_hash: str) -> datetime | None:
    """When the first run with that configuration started; None where none had it yet."""
    query = sql.SQL("SELECT min(started_at) FROM {runs} WHERE config_hash = %(hash)s")
    ((found,),) = _scheduled(session, schema, query, {"hash": config_hash})
    return cast("datetime | None", found)


def _scheduled(
    session: Session, schema: str, query: sql.SQL, values: Mapping[str, Any]
) -> list[Row]:
    filled = query.format(**_names(schema), by_scheduler=_BY_SCHEDULER, most=_MOST_RECENT)
    rows = session.read_composed(filled, values, ours=True)
    return [tuple(in_utc(v) if isinstance(v, datetime) else v for v in row) for row in rows]


def in_utc(when: datetime) -> datetime:
    """`when` in UTC: psycopg answers in the zone of the role or the server."""
    return when.astimezone(UTC)


def _run(row: Row) -> PastRun:
    fields = PastRun.__slots__
    values: list[Any] = [in_utc(v) if isinstance(v, datetime) else v for v in row]
    return PastRun(**dict(zip(fields, values, strict=True)))


def _names(schema: str) -> dict[str, sql.Composable]:
    return {
        "heartbeats": sql.Identifier(schema, "job_heartbeats"),
        "runs": sql.Identifier(schema, "job_runs"),
        "live": toolkit.LIVE,
    }
