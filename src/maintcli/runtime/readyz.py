"""Whether jobs are being run: the checks behind `maint readyz`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from maintcli.config import values
from maintcli.config.messages import sentence
from maintcli.config.variables import Sourced
from maintcli.errors import ConfigError
from maintcli.runtime.heartbeats import Heartbeat, Watch, in_the_future
from maintcli.runtime.ledger import JOBS_RUNNER

TTL_SECONDS = 180.0
_GATES = ("JOBS_ENABLED", "JOB_HEARTBEAT_REQUIRED")
_TTL = "JOB_HEARTBEAT_TTL_SECONDS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A scheduled job: seconds from one due time to the next, and what a success may be old."""

    job: str
    period_seconds: float
    patience_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check. `age_seconds` is None where nothing was ever seen; `failed`: it is not ok because
    the last run failed, however new that is.
    """

    name: str
    ok: bool
    age_seconds: float | None
    threshold_seconds: float
    runner_id: str | None
    note: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What the variables ask for.

    `required`: some run must have been seen, whatever is enabled. `off` says which variable turns
    the checks off; empty where none does. `ttl_seconds` is None where the schedules shall say.
    """

    required: bool
    off: str
    ttl_seconds: float | None


def demand(variables: Mapping[str, Sourced[str]]) -> Demand:
    """Read JOBS_ENABLED, JOB_HEARTBEAT_REQUIRED and JOB_HEARTBEAT_TTL_SECONDS.

    Where one of the first two is true and the other false, true counts.
    """
    gates = {name: _flag(variables[name]) for name in _GATES if name in variables}
    required = any(gates.values())
    off = "" if required else next((f"{name} is false" for name in gates), "")
    ttl = _seconds(variables[_TTL]) if _TTL in variables else None
    return Demand(required=required, off=off, ttl_seconds=ttl)


def checks(
    watch: Watch, asked: Demand, expected: Sequence[Expected], since: datetime | None
) -> list[Check]:
    """The check `jobs` of the runner itself, then one check per job that is expected to run.

    `since` is from when on this configuration is known, or else believed, to be in force.
    """
    given = _given(watch, since)
    return [
        _runner(watch, asked, expected, given),
        *(_job(watch, job, given) for job in expected),
    ]


def unasked(asked: Demand, note: str, *, ok: bool) -> Check:
    """The check `jobs` where the database was not asked."""
    return Check(
        name="jobs",
        ok=ok,
        age_seconds=None,
        threshold_seconds=asked.ttl_seconds or TTL_SECONDS,
        runner_id=None,
        note=note,
    )


def status(found: Sequence[Check]) -> str:
    """What all of them come to."""
    bad = [check for check in found if not check.ok]
    if not bad:
        return "ok"
    return "failed" if all(check.failed for check in bad) else "stale"


def _runner(watch: Watch, asked: Demand, expected: Sequence[Expected], given: float) -> Check:
    beat = watch.beats.get(JOBS_RUNNER)
    active = [job for job in expected if not _is_paused(watch.beats.get(job.job))]
    threshold = asked.ttl_seconds or _threshold(active)
    age = _age(watch, beat.last_heartbeat if beat else None)
    ahead = _ahead(beat)
    is_fresh = age is not None and age <= threshold and not ahead
    if asked.required:
        note, ok = ahead or ("" if age is not None else "no run was ever seen"), is_fresh
    elif not active:
        note = "all jobs are paused" if expected else "no job is enabled"
        note, ok = f"{note}, so no run is expected", True
    else:
        note = ahead or ("" if age is not None else _awaited(watch, "run", threshold - given))
        ok = is_fresh or (age is None and given <= threshold)
    return Check(
        name="jobs",
        ok=ok,
        age_seconds=age,
        threshold_seconds=threshold,
        runner_id=beat.runner_id if beat else None,
        note=note,
    )


def _threshold(active: Sequence[Expected]) -> float:
    """The default, or what the most frequent of the jobs that are not paused allows."""
    shortest = min(active, key=lambda job: job.period_seconds, default=None)
    return max(TTL_SECONDS, shortest.patience_seconds if shortest else 0.0)


def _job(watch: Watch, job: Expected, given: float) -> Check:
    beat = watch.beats.get(job.job)
    age = _age(watch, beat.last_success_at if beat else None)
    failures = beat.consecutive_failures if beat else 0
    paused, ahead = _is_paused(beat), _ahead(beat)
    if paused:
        note = "paused"
    elif ahead:
        note = ahead
    elif failures:
        note = "the last run failed" if failures == 1 else f"the last {failures} runs failed"
    else:
        note = "" if age is not None else _awaited(watch, "success", job.patience_seconds - given)
    waited = age if age is not None else given
    return Check(
        name=job.job,
        ok=paused or not (failures or ahead or waited > job.patience_seconds),
        age_seconds=age,
        threshold_seconds=job.patience_seconds,
        runner_id=beat.runner_id if beat else None,
        note=note,
        failed=failures > 0 and not paused,
    )


def _given(watch: Watch, since: datetime | None) -> float:
    """Seconds that a job which never succeeded has had for it, since it was enabled.

    What lies in the future says nothing of that; where nothing else does, the job is overdue.
    """
    past = [when for when in (since, watch.made_at) if when is not None and when <= watch.now]
    return (watch.now - max(past)).total_seconds() if past else math.inf


def _awaited(watch: Watch, what: str, seconds_left: float) -> str:
    """Until when the first one may take, or that it is overdue."""
    if seconds_left < 0:
        return f"no {what} yet"
    until = (watch.now + timedelta(seconds=seconds_left)).astimezone(UTC)
    day = "" if until.date() == watch.now.astimezone(UTC).date() else f"{until:%Y-%m-%d} "
    return f"waiting for its first {what} until {day}{until:%H:%M} UTC"


def _ahead(beat: Heartbeat | None) -> str:
    return in_the_future(beat.ahead) if beat is not None else ""


def _is_paused(beat: Heartbeat | None) -> bool:
    return beat is not None and beat.paused is not None


def _age(watch: Watch, when: datetime | None) -> float | None:
    if when is None:
        return None
    return round(max(0.0, (watch.now - when).total_seconds()), 3)


def _flag(found: Sourced[str]) -> bool:
    try:
        return values.flag(values.text(found.value))
    except ValueError as error:
        raise _wrong(found, error) from None


def _seconds(found: Sourced[str]) -> float:
    try:
        seconds = values.integer(values.text(found.value))
    except ValueError as error:
        raise _wrong(found, error) from None
    if seconds <= 0:
        raise ConfigError(f"{found.origin}: {seconds} is too small; give it e.g. 180.")
    return float(seconds)


def _wrong(found: Sourced[str], error: ValueError) -> ConfigError:
    return ConfigError(sentence(f"{found.origin}: {error}"))
