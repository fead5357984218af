"""Runs that are parts of one whole: which whole a part joins, and when the whole is done.

Every statement here is run by one part at a time: it holds the row of the job before.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from psycopg import sql

from maintcli.runtime.lease import TTL_SECONDS, Lease, row_name
from maintcli.runtime.shard import Shard, group


class Membership(NamedTuple):
    """A part, the name of its whole where it has one, and how long a whole may be joined."""

    shard: Shard
    name: str | None
    within_seconds: float


def membership(
    shard: Shard | None, environ: Mapping[str, str], timeout_seconds: float
) -> Membership | None:
    """What a part has to say to be joined with the others. Raises ConfigError.

    A part that was killed can begin again once its lease has ended, and shall find its whole.
    """
    if shard is None:
        return None
    return Membership(shard, group(environ, shard), timeout_seconds + 2 * TTL_SECONDS)


# The job's own row first, as whoever ends a part does, and made where the job never ran.
_TURN = sql.SQL("""INSERT INTO {heartbeats} (name) VALUES ({job}) ON CONFLICT DO NOTHING;
SELECT FROM {heartbeats} WHERE name = {job} FOR UPDATE;
SELECT FROM {heartbeats} WHERE name = {part} FOR UPDATE""")

_TURN_TO_END = sql.SQL("SELECT FROM {heartbeats} WHERE name = {job} FOR UPDATE")

# The newest whole of as many parts in which this one has not succeeded yet.
_NEWEST = sql.SQL("""coalesce((
        SELECT run_group FROM {runs}
        WHERE job = %(job)s AND parts = %(parts)s AND run_group IS NOT NULL
          AND started_at BETWEEN clock_timestamp() - make_interval(secs => 2 * %(within)s)
                             AND clock_timestamp()
        GROUP BY run_group
        HAVING NOT bool_or(part = %(part)s AND outcome = 'success')
           AND min(started_at) > clock_timestamp() - make_interval(secs => %(within)s)
        ORDER BY min(started_at) DESC LIMIT 1), %(run_id)s::text)""")

# A name may come again, as that of a Kubernetes Job made anew: the next round has a run id behind.
_NAMED = sql.SQL("""coalesce((
        SELECT CASE WHEN count(DISTINCT part) FILTER (WHERE outcome = 'success') < %(parts)s
                    THEN run_group ELSE %(group)s::text || ' ' || %(run_id)s::text END
        FROM {runs}
        WHERE job = %(job)s AND parts = %(parts)s
          AND %(group)s::text IN (run_group, left(run_group, -37))
          AND started_at BETWEEN clock_timestamp() - interval '7 days' AND clock_timestamp()
        GROUP BY run_group ORDER BY max(started_at) DESC LIMIT 1),
        CASE WHEN EXISTS (SELECT FROM {runs} WHERE run_group = %(group)s AND job = %(job)s)
             THEN %(group)s::text || ' ' || %(run_id)s::text ELSE %(group)s::text END)""")

_WHOLE = sql.SQL(""", whole AS (
    UPDATE {heartbeats} j SET
        last_heartbeat = now,
        last_success_at = CASE WHEN done THEN now ELSE j.last_success_at END,
        consecutive_failures = CASE WHEN done THEN 0
            ELSE j.consecutive_failures + (failed AND k.lease_run_id IS NOT NULL)::int END,
        last_error = CASE WHEN failed THEN %(part_message)s WHEN NOT done THEN j.last_error END,
        last_error_at = CASE WHEN failed THEN now WHEN NOT done THEN j.last_error_at END
    FROM {heartbeats} k, (
        SELECT news.*, succeeded AND %(parts)s - 1 = (
            SELECT count(DISTINCT others.part) FROM {runs} mine JOIN {runs} others
                ON others.run_group = mine.run_group AND others.job = mine.job
               AND others.parts = mine.parts AND others.part <> mine.part
               AND others.started_at > clock_timestamp() - interval '7 days'
            WHERE mine.run_id = %(run_id)s AND others.outcome = 'success') AS done
        FROM news
    ) news
    WHERE j.name = %(job)s AND k.name = %(name)s AND k.lease_token = %(token)s
)""")


def begin(
    statement: sql.SQL, names: Mapping[str, sql.Composable], membership: Membership
) -> sql.Composed:
    """The statement that begins a run, filled in for a part; see `values`."""
    joined = (_NAMED if membership.name else _NEWEST).format(runs=names["runs"])
    part, parts = sql.SQL("%(part)s::integer"), sql.SQL("%(parts)s::integer")
    return statement.format(**names, group=joined, part=part, parts=parts)


def values(membership: Membership) -> dict[str, Any]:
    """The parameters that a part's beginning has beside any run's."""
    return {
        "part": membership.shard.part,
        "parts": membership.shard.parts,
        "group": membership.name,
        "within": membership.within_seconds,
    }


def ending(shard: Shard, message: str) -> dict[str, Any]:
    """The parameters that a part's end has beside any run's."""
    said = f"part {shard}: {message}"
    return {"part": shard.part, "parts": shard.parts, "part_message": said}


def turn(heartbeats: sql.Composable, job: str, shard: Shard) -> sql.Composable:
    """Statements that wait for the turn of this part to begin."""
    return _TURN.format(heartbeats=heartbeats, job=job, part=row_name(job, shard))


def turn_to_end(lease: Lease) -> sql.Composable:
    """A statement that waits for the turn of this part to end."""
    return _TURN_TO_END.format(heartbeats=lease.table("job_heartbeats"), job=lease.job)


def whole(names: Mapping[str, sql.Composable]) -> sql.Composable:
    """SQL, a part of that which ends a run, that ends the whole with its last part."""
    return _WHOLE.format(heartbeats=names["heartbeats"], runs=names["runs"])
