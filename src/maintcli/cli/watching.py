"""Heartbeats beside schedules: what `list`, `status` and `readyz` look at."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from maintcli.cli.declared import Declared
from maintcli.config.database import DatabaseConfig
from maintcli.registry import COMMANDS
from maintcli.runtime.heartbeats import Heartbeat, JobStatus, Watch, watch
from maintcli.runtime.ledger import JOBS_RUNNER
from maintcli.runtime.readyz import Expected
from maintcli.runtime.visit import toolkit_tables
from maintcli.schedules.due import Schedule
from maintcli.schedules.words import words


def look(database: DatabaseConfig, command: str) -> Watch:
    """All heartbeats of `database`."""
    with toolkit_tables(database, command) as (session, schema):
        return watch(session, schema)


def statuses(
    jobs: Mapping[str, Declared],
    schedules: Mapping[str, Schedule],
    seen: Watch | None,
    now: datetime,
    *,
    unused: bool = False,
) -> list[JobStatus]:
    """Every declared job that is enabled or was seen to run, then those that only the database
    knows; a restore is no job to watch.

    `schedules` says for each declared one when it is due. With `unused` the others, too.
    """
    beats = dict(seen.beats) if seen else {}
    beats.pop(JOBS_RUNNER, None)
    rows = [
        _declared(name, job, schedules[name], beats.pop(name, None), seen, now)
        for name, job in jobs.items()
        if unused or job.is_enabled or schedules[name].enabled or name in beats
    ]
    return rows + [_orphan(beat) for name, beat in beats.items() if name not in COMMANDS]


def expected(schedules: Mapping[str, Schedule], now: datetime) -> Iterator[Expected]:
    """What `readyz` may expect of the jobs that are due at times."""
    for name, schedule in schedules.items():
        period, patience = schedule.period(now), schedule.patience(now)
        if period is not None and patience is not None:
            yield Expected(job=name, period_seconds=period, patience_seconds=patience)


def _declared(
    name: str,
    job: Declared,
    schedule: Schedule,
    beat: Heartbeat | None,
    seen: Watch | None,
    now: datetime,
) -> JobStatus:
    return JobStatus(
        name=name,
        summary=job.job.summary,
        group=job.group,
        origin=job.origin,
        schedule=", ".join(schedule.expressions),
        timezone=schedule.zone,
        enabled=schedule.enabled,
        next_run_at=schedule.next_after(now),
        late_since=_late(schedule, beat, seen) if seen else None,
        beat=beat,
        is_configured=job.is_configured,
        when=words(schedule.expressions, schedule.zone),
    )


def _late(schedule: Schedule, beat: Heartbeat | None, seen: Watch) -> datetime | None:
    if beat and (beat.paused or beat.running):
        return None
    times = (beat.last_heartbeat, beat.started_at) if beat else ()
    last = max((t for t in times if t is not None and t <= seen.now), default=seen.made_at)
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
