"""`maint list`: jobs with their schedules."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from maintcli.output.schedule import Start
from maintcli.output.schedule import row as _start
from maintcli.output.table import Table
from maintcli.output.words import ago, ahead
from maintcli.runtime.heartbeats import JobStatus


def data(jobs: Sequence[JobStatus], more: Sequence[Start], problem: str | None) -> dict[str, Any]:
    """For --json; `problem` is why the database told nothing, and then what it knows is null."""
    return {
        "jobs": [_job(job, known=problem is None) for job in jobs],
        "schedules": [_start(start) for start in more],
        "problem": problem,
    }


def _job(job: JobStatus, *, known: bool) -> dict[str, Any]:
    beat = job.beat
    return {
        "name": job.name,
        "summary": job.summary,
        "group": job.group,
        "origin": job.origin,
        "schedule": job.schedule or None,
        "when": job.when or None,
        "timezone": job.timezone,
        "enabled": job.enabled,
        "configured": job.is_configured,
        "next_run_at": job.next_run_at,
        "paused": (beat is not None and beat.paused is not None) if known else None,
        "last_outcome": beat.outcome if beat else None,
        "last_started_at": beat.started_at if beat else None,
    }


def view(
    jobs: Sequence[JobStatus],
    more: Sequence[Start],
    problem: str | None,
    now: datetime,
    *,
    unused: int,
) -> Iterator[str | Table]:
    """As text; `more` are the entries of [[schedules]], `unused` how many jobs are not shown."""
    columns = ("job", "schedule", "next (utc)", "state", "last outcome")
    known = problem is None
    rows = [
        (
            job.name,
            job.when or "by hand",
            ahead(job.next_run_at, now),
            _state(job, known=known),
            _last(job, now) if known else "unknown",
        )
        for job in jobs
    ]
    yield Table(columns, rows, "No job is enabled, and none was seen to run.")
    if more:
        yield ""
        yield _more(more, now)
    if unused:
        yield f"{unused} more are not used: maint list --all"
    if problem:
        yield f"Pauses and last outcomes are unknown: {problem}"


def _more(more: Sequence[Start], now: datetime) -> Table:
    rows = [(one.entry, one.when, ahead(one.at, now), one.command) for one in more]
    return Table(("also scheduled", "schedule", "next (utc)", "command"), rows)


def _state(job: JobStatus, *, known: bool) -> str:
    if job.beat and job.beat.paused:
        return "paused"
    if not job.is_configured:
        return "not configured"
    return ("enabled" if job.enabled else "not enabled") + ("" if known else ", unless paused")


def _last(job: JobStatus, now: datetime) -> str:
    if job.beat is None or job.beat.outcome is None:
        return "never seen"
    return f"{job.beat.outcome}, {ago(job.beat.started_at, now)}"
