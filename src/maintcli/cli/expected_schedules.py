"""When runs are expected, by the schedule of a job or by an entry of [[schedules]]."""

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
from maintcli.runtime.job import Job
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
