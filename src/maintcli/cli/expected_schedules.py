"""When runs are expected, and how each job is doing by that."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from math import inf
from zoneinfo import ZoneInfo

from maintcli.cli.declared import Declared
from maintcli.cli.options import read_words
from maintcli.cli.scheduled import further, own
from maintcli.config.database import ALL
from maintcli.config.model import Config
from maintcli.config.section import Section
from maintcli.output.schedule import Start
from maintcli.registry import COMMANDS
from maintcli.runtime.context import Job
from maintcli.runtime.heartbeats import Heartbeat, JobStatus, Watch
from maintcli.runtime.ledger import JOBS_RUNNER
from maintcli.runtime.readyz import Expected
from maintcli.schedules.due import Due, Schedule
from maintcli.schedules.model import Entry
from maintcli.schedules.words import words

_TRACELESS = ("dry_run", "no_ledger")


def expected_schedules(
    config: Config, jobs: Mapping[str, Declared], database: str, now: datetime
) -> dict[str, Schedule]:
    """The schedule by which each job is judged: the most frequent that leaves a trace.

    The ledger of `database` never hears of a dry run, nor of a run elsewhere. A job of which it
    hears nothing is judged by none: its schedule is off.
    """
    found = {name: replace(one.schedule, enabled=False) for name, one in jobs.items()}
    for entry in _entries(config, jobs):
        if leaves_a_trace(jobs[entry.job].job, entry, database):
            before, this = found[entry.job], _schedule(entry)
            found[entry.job] = min(before, this, key=lambda one: one.period(now) or inf)
    return found


def started(config: Config, jobs: Mapping[str, Declared]) -> dict[str, Schedule]:
    """The schedule of each job itself, or else that of the first entry that really runs it."""
    found = {name: one.schedule for name, one in jobs.items()}
    for entry in further(config, jobs):
        if not found[entry.job].is_on and leaves_a_trace(jobs[entry.job].job, entry):
            found[entry.job] = _schedule(entry)
    return found


def _entries(config: Config, jobs: Mapping[str, Declared]) -> Iterator[Entry]:
    yield from (own(config, name, one) for name, one in jobs.items() if one.schedule.is_on)
    yield from further(config, jobs)


def leaves_a_trace(job: Job, entry: Entry, database: str | None = None) -> bool:
    """Whether the ledger hears of a run of `entry`: that of `database`, or any at all."""
    given = read_words(job, entry.options, Section(""))
    is_there = database is None or given.get("database") in {None, ALL, database}
    return is_there and not any(given.get(name) for name in _TRACELESS)


def _schedule(entry: Entry) -> Schedule:
    return Schedule(
        expressions=entry.expressions,
        zone=entry.zone,
        enabled=True,
        timeout_seconds=entry.timeout_seconds,
    )


def starts(dues: Iterable[Due]) -> list[Start]:
    """Each with its time in its own zone, and its schedule in words."""
    return [_start(due) for due in dues]


def _start(due: Due) -> Start:
    entry = due.entry
    return Start(
        at=due.at,
        local=due.at.astimezone(ZoneInfo(entry.zone)),
        zone=entry.zone,
        entry=entry.key,
        job=entry.job,
        options=entry.options,
        command=" ".join(("maint", *entry.command)),
        schedule=entry.expressions,
        every=entry.every,
        when=words(entry.expressions, entry.zone),
    )


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
        _status(name, job, schedules[name], beats.pop(name, None), seen, now)
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


def _status(
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
