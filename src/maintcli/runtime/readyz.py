"""Whether jobs are being run: the judgement behind `maint readyz`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from maintcli.config import values
from maintcli.config.say import sentence
from maintcli.config.sourced import Sourced
from maintcli.errors import ConfigError
from maintcli.runtime.heartbeats import Heartbeat, Watch
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
    """One check; `required`: it decides. `age_seconds` is None where nothing was ever seen."""

    name: str
    ok: bool
    age_seconds: float | None
    threshold_seconds: float
    runner_id: str | None
    required: bool
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What the variables ask for; `ttl_seconds` is None where the schedules shall say."""

    jobs: bool
    ttl_seconds: float | None
    strict: bool


def demand(variables: Mapping[str, Sourced[str]], *, strict: bool) -> Demand:
    """Read JOBS_ENABLED, JOB_HEARTBEAT_REQUIRED and JOB_HEARTBEAT_TTL_SECONDS."""
    gates = [_flag(variables[name]) for name in _GATES if name in variables]
    ttl = _seconds(variables[_TTL]) if _TTL in variables else None
    return Demand(jobs=any(gates), ttl_seconds=ttl, strict=strict)


def checks(watch: Watch, asked: Demand, expected: Sequence[Expected]) -> list[Check]:
    """The check `jobs` of the runner itself, then one check per scheduled job."""
    return [
        _runner(watch, asked, expected),
        *(_job(watch, asked, job) for job in expected),
    ]


def unknown(asked: Demand, note: str) -> Check:
    """The check `jobs` where the database could not be asked."""
    return Check(
        name="jobs",
        ok=False,
        age_seconds=None,
        threshold_seconds=asked.ttl_seconds or TTL_SECONDS,
        runner_id=None,
        required=asked.jobs,
        note=note,
    )


def _runner(watch: Watch, asked: Demand, expected: Sequence[Expected]) -> Check:
    beat = watch.beats.get(JOBS_RUNNER)
    threshold = asked.ttl_seconds or _threshold(watch, expected)
    age = _age(watch, beat.last_heartbeat if beat else None)
    return Check(
        name="jobs",
        ok=age is not None and age <= threshold,
        age_seconds=age,
        threshold_seconds=threshold,
        runner_id=beat.runner_id if beat else None,
        required=asked.jobs,
        note="" if age is not None else "no run was ever seen",
    )


def _threshold(watch: Watch, expected: Sequence[Expected]) -> float:
    """The default, or what the most frequent job allows; a paused one beats no heart."""
    active = [job for job in expected if not _is_paused(watch.beats.get(job.job))]
    shortest = min(active, key=lambda job: job.period_seconds, default=None)
    return max(TTL_SECONDS, shortest.patience_seconds if shortest else 0.0)


def _job(watch: Watch, asked: Demand, job: Expected) -> Check:
    beat = watch.beats.get(job.job)
    age = _age(watch, beat.last_success_at if beat else None)
    # A job that never succeeded has had since the tables were made to do so.
    waited = age if age is not None else _age(watch, watch.made_at) or 0.0
    paused = _is_paused(beat)
    note = "paused" if paused else "" if age is not None else "never succeeded yet"
    return Check(
        name=job.job,
        ok=paused or waited <= job.patience_seconds,
        age_seconds=age,
        threshold_seconds=job.patience_seconds,
        runner_id=beat.runner_id if beat else None,
        required=asked.strict,
        note=note,
    )


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
        raise ConfigError(reason=f"{found.origin}: {seconds} is too small; give it e.g. 180.")
    return float(seconds)


def _wrong(found: Sourced[str], error: ValueError) -> ConfigError:
    return ConfigError(reason=sentence(f"{found.origin}: {error}"))
