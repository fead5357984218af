"""One of N processes that share the work of a run: which part it is, and of which whole.

The statements here are run by one part at a time: it holds the row of the job before.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from psycopg import sql

from maintcli.config.messages import quote
from maintcli.config.variables import Sourced
from maintcli.db import toolkit
from maintcli.errors import ConfigError, MaintError, Usage

MOST_PARTS: Final = 1_000
INDEX_VARIABLE: Final = "JOB_COMPLETION_INDEX"  # of a Kubernetes Indexed Job, in each of its pods
GROUP_VARIABLE: Final = "MAINT_RUN_GROUP"
_LONGEST_GROUP = 200
_WRITTEN: Final = r"(?P<part>[0-9]{1,9}|auto)?/(?P<parts>[0-9]{1,9})"


class Shard(NamedTuple):
    """Part `part`, from 0, of `parts`."""

    part: int
    parts: int

    def __str__(self) -> str:
        return f"{self.part}/{self.parts}"

    def has(self, number: int) -> bool:
        """Whether item `number` of the whole, such as a stripe of a table, is this part's."""
        return number % self.parts == self.part


def shard(setting: Sourced[Any] | None, environ: Mapping[str, str]) -> Shard | None:
    """The part that `--shard` asks for; None where it asks for none.

    `0/4` is the first of four. `auto/4`, or `/4`, takes the number from JOB_COMPLETION_INDEX.
    Raises Usage for a bad flag, ConfigError for a bad variable or key.
    """
    if setting is None or setting.value is None:
        return None
    error: type[MaintError] = Usage if setting.origin.startswith("--") else ConfigError
    try:
        return _parsed(str(setting.value).strip(), environ)
    except ValueError as problem:
        raise error(f"{setting.origin}: {problem}.") from None


def group(environ: Mapping[str, str], found: Shard) -> str | None:
    """What the runs of one whole are joined by: MAINT_RUN_GROUP, else the Kubernetes Job's name.

    None where neither is known. Raises ConfigError for a name that will not do.
    """
    named = environ.get(GROUP_VARIABLE)
    if named is None:
        # The host name of an Indexed Job's pod is the Job's name and its index.
        name, _, index = environ.get("HOSTNAME", "").rpartition("-")
        return name if name and index == environ.get(INDEX_VARIABLE) == str(found.part) else None
    if not named.strip() or len(named) > _LONGEST_GROUP or not named.isprintable():
        reason = f"environment {GROUP_VARIABLE} must be a name of 1 to {_LONGEST_GROUP} printable"
        raise ConfigError(f"{reason} characters, the same for all parts; or unset it.")
    return named.strip()


def _parsed(text: str, environ: Mapping[str, str]) -> Shard:
    written = re.fullmatch(_WRITTEN, text)
    if written is None:
        raise ValueError(f"{quote(text)} is no part of a whole; write e.g. 0/4, or auto/4")
    parts = int(written["parts"])
    if not 1 <= parts <= MOST_PARTS:
        raise ValueError(f"{parts} parts are out of range; use 1 to {MOST_PARTS}")
    index = written["part"] if (written["part"] or "auto") != "auto" else _index(environ)
    if int(index) >= parts:
        raise ValueError(f"there is no part {index} of {parts}; they are 0 to {parts - 1}")
    return Shard(int(index), parts)


def _index(environ: Mapping[str, str]) -> str:
    index = environ.get(INDEX_VARIABLE)
    if index is None:
        raise ValueError(
            f"{INDEX_VARIABLE} is not set, as it is in an Indexed Job of Kubernetes; give the"
            " number of the part, as in 0/4"
        )
    if not (index.isascii() and index.isdigit() and len(index) <= 9):
        raise ValueError(f"{INDEX_VARIABLE} is {quote(index)}, which is no number from 0")
    return index


def row_name(job: str, shard: Shard | None) -> str:
    """What the row of `job`, or of a part of it, is called; no job has a blank in its name."""
    return f"{job} {shard}" if shard else job


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
    return Membership(shard, group(environ, shard), timeout_seconds + 2 * toolkit.LEASE_SECONDS)


# The job's own row first, as the end of a part does, and made where the job never ran.
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


def turn_to_end(heartbeats: sql.Composable, job: str) -> sql.Composable:
    """A statement that waits for the turn of this part to end."""
    return _TURN_TO_END.format(heartbeats=heartbeats, job=job)


def whole(names: Mapping[str, sql.Composable]) -> sql.Composable:
    """SQL, a part of that which ends a run, that ends the whole with its last part."""
    return _WHOLE.format(heartbeats=names["heartbeats"], runs=names["runs"])
