"""Heartbeats beside schedules: what `list`, `status` and `readyz` look at."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from maintcli.cli.declared import Declared
from maintcli.cli.table import COMMANDS
from maintcli.config.database import DatabaseConfig
from maintcli.runtime.heartbeats import Heartbeat, Watch, watch
from maintcli.runtime.ledger import JOBS_RUNNER
from maintcli.runtime.readyz import Expected
from maintcli.runtime.status import JobStatus
from maintcli.runtime.visit import toolkit_tables
from maintcli.schedules.schedule import Schedule
from maintcli.schedules.words import words


def look(database: DatabaseConfig, command: str) -> Watch:
    """All heartbeats of `database`."""
    with toolkit_tables(database, command) as (session, schema):
        return watch(session, schema)


def statuses(jobs: Mapping[str, Declared], seen: Watch | None, now: datetime) -> list[JobStatus]:
    """Every declared job, then those that only the database knows; a restore is no job to watch."""
    beats = dict(seen.beats) if seen else {}
    beats.pop(JOBS_RUNNER, None)
    rows = [_declared(name, job, beats.pop(name, None), seen, now) for name, job in jobs.items()]
    return rows + [_orphan(beat) for name, beat in beats.items() if name not in COMMANDS]


def expected(jobs: Mapping[str, Declared], now: datetime) -> Iterator[Expected]:
    """What `readyz` may expect of the scheduled jobs."""
    for name, job in jobs.items():
        period, patience = job.schedule.period(now), job.schedule.patience(now)
        if job.is_seen and period is not None and patience is not None:
            yield Expected(job=name, period_seconds=period, patience_seconds=patience)


def _declared(
    name: str, job: Declared, beat: Heartbeat | None, seen: Watch | None, now: datetime
) -> JobStatus:
    return JobStatus(
        name=name,
        summary=job.job.summary,
        group=job.group,
        origin=job.origin,
        schedule=", ".join(job.schedule.expressions),
        timezone=job.schedule.zone,
        enabled=job.schedule.enabled,
        next_run_at=job.schedule.next_after(now),
        late_since=_late(job.schedule, beat, seen) if seen and job.is_seen else None,
        beat=beat,
        is_configured=job.is_configured,
        when=words(job.schedule.expressions, job.schedule.zone),
    )


def _late(schedule: Schedule, beat: Heartbeat | None, seen: Watch) -> datetime | None:
    if beat and (beat.paused or beat.running):
        return None
    times = (beat.last_heartbeat, beat.started_at) if beat else ()
    last = max((t for t in times if t is not None), default=seen.made_at)
    return schedule.missed_since(last, seen.now)


def _orphan(beat: Heartbeat) -> JobStatus:
    return JobStatus(
        name=beat.name,
        summary="",
        group=None,
        origin="database",
        schedule="",
        timezone="UTC",
        enabled=False,
        next_run_at=None,
        beat=beat,
    )
