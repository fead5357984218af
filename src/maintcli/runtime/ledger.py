"""The ledger: beginning a run, its progress, and its end, each one statement."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import psycopg
from psycopg import sql

from maintcli.db import formats, sqlstate, toolkit
from maintcli.errors import Held, Outcome, Skip
from maintcli.runtime import shard as parts
from maintcli.runtime.context import Entry
from maintcli.runtime.lease import TTL_SECONDS, Lease, lease_lost
from maintcli.runtime.report import Report
from maintcli.runtime.session import Session
from maintcli.runtime.shard import row_name
from maintcli.words import paused

_NO_GROUP, _NO_PART = sql.SQL("NULL::text"), sql.SQL("NULL::integer")
_LOST = "started and never finished (killed, evicted, or the machine stopped)"
Counter = Literal["deleted_count", "updated_count"]
JOBS_RUNNER = "jobs-runner"  # the row that every run touches, for readyz

# Before the statement that begins a run: who has waited for another's COMMIT must then look with
# a new snapshot, or the run that just ended would still seem to be running, and be called lost.
_WAIT = sql.SQL("SELECT FROM {heartbeats} WHERE name = {job} FOR UPDATE")

# One statement: a kill leaves a lease with its ledger row, or neither.
_BEGIN = sql.SQL("""
WITH gone AS (
    SELECT r.run_id, r.started_at, (r.part, r.parts) IS NOT DISTINCT FROM ({part}, {parts}) AS own
    FROM {runs} r
    WHERE r.job = %(job)s AND r.outcome = 'running'
      AND ((r.part, r.parts) IS NOT DISTINCT FROM ({part}, {parts}) OR NOT EXISTS (
          SELECT FROM {heartbeats} k
          WHERE k.lease_run_id = r.run_id AND k.lease_expires_at {live}))
), taken AS (
    INSERT INTO {heartbeats} AS h
        (name, lease_token, lease_expires_at, lease_run_id, last_heartbeat, runner_id)
    SELECT %(name)s, 1, clock_timestamp() + make_interval(secs => %(ttl)s), %(run_id)s,
           clock_timestamp(), %(runner_id)s
    WHERE NOT EXISTS (
        SELECT FROM {heartbeats} j WHERE j.name = %(job)s AND j.paused_at IS NOT NULL
          AND coalesce(j.paused_until > clock_timestamp(), true))
    ON CONFLICT (name) DO UPDATE SET
        lease_token = h.lease_token + 1,
        lease_expires_at = excluded.lease_expires_at,
        lease_run_id = excluded.lease_run_id,
        last_heartbeat = excluded.last_heartbeat,
        runner_id = excluded.runner_id,
        (consecutive_failures, last_error, last_error_at) = (
            SELECT h.consecutive_failures + count(*),
                   CASE WHEN count(*) > 0 THEN %(lost)s ELSE h.last_error END,
                   CASE WHEN count(*) > 0 THEN clock_timestamp() ELSE h.last_error_at END
            FROM gone WHERE own OR h.name = %(job)s)
    WHERE (h.paused_at IS NULL OR coalesce(h.paused_until <= clock_timestamp(), false))
      AND coalesce(h.lease_expires_at NOT {live}, true)
    RETURNING lease_token
), lost AS (
    UPDATE {runs} r
    SET outcome = 'lost', finished_at = clock_timestamp(), message = %(lost)s
    FROM taken, gone WHERE r.run_id = gone.run_id AND r.outcome = 'running'
    RETURNING r.run_id, r.started_at
), touched AS (
    INSERT INTO {heartbeats} AS h (name, last_heartbeat, runner_id)
    SELECT also.name, clock_timestamp(), %(runner_id)s
    FROM taken, pg_catalog.unnest(%(also)s::text[]) WITH ORDINALITY AS also(name, number)
    ORDER BY also.number
    ON CONFLICT (name) DO UPDATE SET
        last_heartbeat = excluded.last_heartbeat,
        runner_id = excluded.runner_id,
        (consecutive_failures, last_error, last_error_at) = (
            SELECT h.consecutive_failures + count(*),
                   CASE WHEN count(*) > 0 THEN %(lost)s ELSE h.last_error END,
                   CASE WHEN count(*) > 0 THEN clock_timestamp() ELSE h.last_error_at END
            FROM gone WHERE h.name = %(job)s)
), begun AS (
    INSERT INTO {runs}
        (run_id, job, origin, scheduled_for, host, runner_id, version, config_hash,
         parameters, lease_token, run_group, part, parts)
    SELECT %(run_id)s, %(job)s, %(origin)s, %(scheduled_for)s, %(host)s, %(runner_id)s,
           %(version)s, %(config_hash)s, %(parameters)s, lease_token, {group}, {part}, {parts}
    FROM taken
    RETURNING run_group
)
SELECT lease_token,
       (SELECT coalesce(json_agg(json_build_array(run_id, started_at)), '[]') FROM lost),
       (SELECT run_group FROM begun)
FROM taken
""")

_WHY_NOT = sql.SQL("""
SELECT CASE WHEN coalesce(j.paused_until > clock_timestamp(), true) THEN j.paused_at END,
       j.paused_by, j.pause_reason, j.paused_until, k.lease_run_id::text, k.runner_id,
       k.lease_expires_at
FROM {heartbeats} j LEFT JOIN {heartbeats} k ON k.name = %(name)s
WHERE j.name = %(job)s
""")

_END = sql.SQL("""
WITH ended AS (
    UPDATE {runs}
    SET outcome = %(outcome)s, exit_code = %(exit_code)s, finished_at = clock_timestamp(),
        counts = %(counts)s, message = %(message)s, retention = %(retention)s,
        backlog = %(backlog)s, traceback = %(traceback)s
    WHERE run_id = %(run_id)s AND outcome = 'running'
), slot AS (
    UPDATE {slots} SET lease_expires_at = NULL, lease_run_id = NULL WHERE lease_run_id = %(run_id)s
), news AS (
    SELECT %(succeeded)s AS succeeded, %(failed)s AS failed, clock_timestamp() AS now
){whole}
UPDATE {heartbeats} SET
    lease_expires_at = NULL,
    lease_run_id = NULL,
    last_heartbeat = now,
    last_success_at = CASE WHEN succeeded THEN now ELSE last_success_at END,
    consecutive_failures = CASE
        WHEN succeeded THEN 0
        -- Said again after a lost COMMIT, an end finds the lease given back.
        ELSE consecutive_failures + (failed AND lease_run_id IS NOT NULL)::int END,
    last_error = CASE WHEN failed THEN %(message)s WHEN NOT succeeded THEN last_error END,
    last_error_at = CASE WHEN failed THEN now WHEN NOT succeeded THEN last_error_at END
FROM news
WHERE name = %(name)s AND lease_token = %(token)s
RETURNING consecutive_failures, (
    SELECT before.outcome FROM {runs} before JOIN {runs} this ON before.job = this.job
       AND (before.part, before.parts) IS NOT DISTINCT FROM (this.part, this.parts)
    WHERE this.run_id = %(run_id)s AND before.run_id <> this.run_id
      AND before.outcome NOT IN ('running', 'skipped', 'interrupted')
    ORDER BY before.started_at DESC LIMIT 1)
""")

_POSITION = sql.SQL("SELECT position FROM {watermarks} WHERE job = {job} AND name = {name}")

_ADVANCE = sql.SQL("""INSERT INTO {watermarks} (job, name, position, run_id)
VALUES ({job}, {name}, {position}, {run})
ON CONFLICT (job, name) DO UPDATE SET position = excluded.position, run_id = excluded.run_id,
    updated_at = excluded.updated_at;""")

_UNLESS_COUNTED = sql.SQL("""{fence}
PERFORM 1 FROM {runs} WHERE run_id = {run} AND batches = {batches} FOR UPDATE;
IF NOT FOUND THEN RAISE EXCEPTION 'counted already' USING ERRCODE = {counted}; END IF;""")


class Begun(NamedTuple):
    """A run that has its lease: and the runs before it that never finished, (run id, start).

    `group` is the whole that it is a part of.
    """

    lease: Lease
    lost: tuple[tuple[str, datetime], ...]
    group: str | None


class Ended(NamedTuple):
    """What a run's end makes of its job, or of its part of one: failures in a row, this one among
    them, and how the newest run before ended that was not interrupted.
    """

    consecutive_failures: int
    previous_outcome: str | None


def begin(session: Session, schema: str, entry: Entry) -> Begun:
    """Take the lease and write the ledger row. Raises Skip where paused, Held where held."""
    names, part = _names(schema), entry.part
    shard = part.shard if part else None
    name = row_name(entry.job, shard)
    values = {field: getattr(entry, field) for field in Entry._fields if field != "part"} | {
        "name": name,
        "parameters": formats.as_json(dict(entry.parameters)),
        "ttl": TTL_SECONDS,
        "also": [*([entry.job] if part else []), JOBS_RUNNER],
        "lost": _LOST,
    }
    turn: sql.Composable
    if part is None:
        turn = _WAIT.format(heartbeats=names["heartbeats"], job=entry.job)
        query = _BEGIN.format(**names, group=_NO_GROUP, part=_NO_PART, parts=_NO_PART)
    else:
        turn = parts.turn(names["heartbeats"], entry.job, part.shard)
        query = parts.begin(_BEGIN, names, part)
        values |= parts.values(part)
    values = formats.storable(session.connection, values)
    rows = session.write(query, values, settings=turn, ours=True, durable=True)
    if not rows:
        raise _why_not(session, names, entry.job, name)
    token, lost, group = rows[0]
    lease = Lease(schema, entry.job, entry.run_id, token, shard)
    return Begun(lease, tuple((run, datetime.fromisoformat(when)) for run, when in lost), group)


def _why_not(
    session: Session, names: Mapping[str, sql.Composable], job: str, name: str
) -> Skip | Held:
    rows = session.read_composed(_WHY_NOT.format(**names), {"job": job, "name": name}, ours=True)
    if not rows:
        return Held("already running (run ? on another runner); its lease ends soon.")
    paused_at, by, why, until, run_id, runner, expires = rows[0]
    if paused_at is not None:
        said = paused(paused_at, by, why, until)
        return Skip(f"paused {said}. To end the pause, run: maint resume {job}")
    when = f"at {expires.astimezone(UTC):%H:%M:%S} UTC" if expires else "now"
    return Held(f"already running (run {run_id} on {runner}); its lease ends {when}.")


def end(session: Session, lease: Lease, report: Report) -> Ended | None:
    """Write the run's end and give the lease back; None where the lease was no longer ours.

    After a lost connection it is written again; an end whose COMMIT was not confirmed does not
    count twice.
    """
    values: dict[str, Any] = {
        "job": lease.job,
        "name": lease.name,
        "run_id": lease.run_id,
        "token": lease.token,
        "outcome": report.outcome.value,
        "exit_code": int(report.exit_code),
        "counts": formats.as_json({**report.counts, **report.remedy}),
        "message": report.message,
        "retention": formats.as_json(report.retention),
        "backlog": report.backlog,
        "traceback": report.traceback or None,
        "succeeded": report.outcome is Outcome.SUCCESS,
        "failed": report.outcome.is_failure,
    }
    names = _names(lease.schema)
    if lease.shard is None:
        query, turn = _END.format(**names, whole=sql.SQL("")), None
    else:
        query = _END.format(**names, whole=parts.whole(names))
        turn = parts.turn_to_end(names["heartbeats"], lease.job)
        values |= parts.ending(lease.shard, report.message)
    values = formats.storable(session.connection, values)
    try:
        return _said(session, query, values, turn)
    except psycopg.Error as error:
        if not sqlstate.is_lost(error, session.connection_or_none):
            raise
        _check_kept(session, lease, report)
        return _said(session, query, values, turn)


def _said(
    session: Session, query: sql.Composable, values: dict[str, Any], turn: sql.Composable | None
) -> Ended | None:
    """Say it, again while other parts, each for a moment, hold the row that they share."""
    while True:
        try:
            rows = session.write(query, values, settings=turn, ours=True, durable=True)
        except psycopg.errors.LockNotAvailable:
            if turn is None or session.deadline.left < 1:
                raise
        else:
            return Ended(*rows[0]) if rows else None


def _check_kept(session: Session, lease: Lease, report: Report) -> None:
    """Refuse to call a run done whose last batches a crash of the server took back."""
    query = sql.SQL("SELECT deleted_count, updated_count FROM {runs} WHERE run_id = {run}")
    filled = query.format(runs=lease.table("job_runs"), run=lease.run_id)
    rows = session.read_composed(filled, ours=True)
    known = [report.counts.get(name, 0) for name in ("deleted_count", "updated_count")]
    if rows and any(kept < said for kept, said in zip(rows[0], known, strict=True)):
        why = "the server crashed as the run ended, and its last batches came back"
        raise sqlstate.connection_lost(f"{why}; the next run does them again")


def watermark(session: Session, lease: Lease, name: str) -> Any:
    """How far this job has got with `name`, as `advance` was given it; None where it never has."""
    watermarks = lease.table("job_watermarks")
    query = _POSITION.format(watermarks=watermarks, job=lease.job, name=name)
    rows = session.read_composed(query, ours=True)
    return rows[0][0] if rows else None


def advance(lease: Lease, name: str, position: object) -> sql.Composable:
    """The statement that moves a watermark, for the fenced transaction of the work up to there."""
    return _ADVANCE.format(
        watermarks=lease.table("job_watermarks"),
        job=lease.job,
        name=name,
        position=formats.as_json(position),
        run=lease.run_id,
    )


def progress(lease: Lease, counter: Counter) -> sql.Composable:
    """PL/pgSQL that adds a batch of maint_n rows to the run's `counter`, inside the batch."""
    return sql.SQL(
        "UPDATE {runs} SET batches = batches + 1, {counter} = {counter} + maint_n"
        " WHERE run_id = {run} AND outcome = 'running';"
    ).format(runs=lease.table("job_runs"), counter=sql.Identifier(counter), run=lease.run_id)


def total(lease: Lease, counter: Counter = "deleted_count") -> sql.Composable:
    """The ledger's own count of rows deleted (or updated) by this run, as a subquery."""
    return sql.SQL("(SELECT {counter} FROM {runs} WHERE run_id = {run})").format(
        counter=sql.Identifier(counter), runs=lease.table("job_runs"), run=lease.run_id
    )


def batches(lease: Lease) -> sql.Composable:
    """The batches that this run has committed so far, as a query."""
    query = sql.SQL("SELECT batches FROM {runs} WHERE run_id = {run}")
    return query.format(runs=lease.table("job_runs"), run=lease.run_id)


def written(session: Session, lease: Lease) -> tuple[int, int]:
    """The batches that this run has committed so far, and the rows that they updated."""
    query = sql.SQL("SELECT batches, updated_count FROM {runs} WHERE run_id = {run}")
    filled = query.format(runs=lease.table("job_runs"), run=lease.run_id)
    rows = session.read_composed(filled, ours=True)
    if not rows:
        raise lease_lost(lease.job)
    return rows[0][0], rows[0][1]


def unless_counted(lease: Lease, batches: int) -> sql.Composable:
    """PL/pgSQL that raises COUNTED_ALREADY unless the run still has as many `batches`.

    After a lost connection a COMMIT may have counted, or may be about to: whoever comes second to
    the ledger's row finds that another batch was counted, and is rolled back. The fence comes
    first, as heartbeat comes before ledger wherever both are locked.
    """
    return _UNLESS_COUNTED.format(
        fence=lease.fence(),
        runs=lease.table("job_runs"),
        run=lease.run_id,
        batches=batches,
        counted=sqlstate.COUNTED_ALREADY,
    )


def _names(schema: str) -> dict[str, sql.Composable]:
    tables = {"heartbeats": "job_heartbeats", "runs": "job_runs", "slots": "job_slots"}
    named = {key: sql.Identifier(schema, table) for key, table in tables.items()}
    return {**named, "live": toolkit.LIVE}
