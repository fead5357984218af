"""`maint status`, `maint list` and `maint readyz`: how the jobs are doing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from maintcli.output.schedule import Start
from maintcli.output.schedule import row as _start_data
from maintcli.output.table import Table
from maintcli.output.text import ago, ahead, left, stamp
from maintcli.runtime.heartbeats import Heartbeat, JobStatus, Paused, in_the_future
from maintcli.runtime.history import Backlog
from maintcli.runtime.readyz import Check
from maintcli.runtime.whole import Whole
from maintcli.words import many, span


def status_data(
    jobs: Sequence[JobStatus],
    runner: Heartbeat | None,
    now: datetime,
    backlogs: Mapping[str, Backlog],
) -> dict[str, Any]:
    """For --json."""
    return {
        "now": now,
        "jobs_runner": {
            "last_heartbeat": runner.last_heartbeat if runner else None,
            "runner_id": runner.runner_id if runner else None,
        },
        "jobs": [_job(job, now) | _backlog(backlogs.get(job.name)) for job in jobs],
    }


def _job(job: JobStatus, now: datetime) -> dict[str, Any]:
    beat = job.beat
    late = job.late_since
    return {
        "name": job.name,
        "state": job.state,
        "last_heartbeat": beat.last_heartbeat if beat else None,
        "runner_id": beat.runner_id if beat else None,
        "last_success_at": beat.last_success_at if beat else None,
        "consecutive_failures": beat.consecutive_failures if beat else 0,
        "last_error": beat.last_error if beat else None,
        "last_error_at": beat.last_error_at if beat else None,
        "in_the_future": list(beat.ahead) if beat else [],
        "last_outcome": beat.outcome if beat else None,
        "last_run_id": beat.run_id if beat else None,
        "last_started_at": beat.started_at if beat else None,
        "parts": _parts(beat.whole) if beat and beat.whole else None,
        "running": asdict(beat.running) if beat and beat.running else None,
        "lost": [{"run_id": run.run_id, "since": run.since} for run in beat.lost] if beat else [],
        "paused": asdict(beat.paused) if beat and beat.paused else None,
        "schedule": job.schedule or None,
        "timezone": job.timezone,
        "enabled": job.enabled,
        "next_run_at": job.next_run_at,
        "late_since": late,
        "late_seconds": round((now - late).total_seconds()) if late else None,
    }


def _parts(whole: Whole) -> dict[str, Any]:
    run = whole.run
    return {
        "run_group": run.run_group,
        "parts": run.parts,
        "done": whole.done,
        "deleted_count": run.deleted_count,
        "updated_count": run.updated_count,
    }


def status_view(
    jobs: Sequence[JobStatus],
    runner: Heartbeat | None,
    now: datetime,
    backlogs: Mapping[str, Backlog],
) -> Iterator[str | Table]:
    """As text."""
    columns = ("job", "state", "heartbeat", "runner", "success", "failures", "next (utc)")
    yield Table(columns, [_row(job, now) for job in jobs], "No job is enabled.")
    yield from (f"{job.name}: {note}" for job in jobs for note in _notes(job, now))
    found = [(job.name, backlogs[job.name]) for job in jobs if job.name in backlogs]
    yield from (f"{name}: {_left(backlog)}" for name, backlog in found if backlog.rows)
    if runner is None:
        yield "No run was ever seen by this database."
    else:
        yield f"Last run of any job: {ago(runner.last_heartbeat, now)}, on {runner.runner_id}."


def _backlog(found: Backlog | None) -> dict[str, Any]:
    return {
        "backlog": found.rows if found else None,
        "forecast": found.forecast if found else None,
    }


def _left(found: Backlog) -> str:
    if found.forecast:
        return left(found.forecast)
    return f"{many(found.rows)} left by the last run"


def _row(job: JobStatus, now: datetime) -> tuple[str, ...]:
    beat = job.beat
    return (
        job.name,
        job.state,
        ago(beat.last_heartbeat, now) if beat else "never",
        (beat.runner_id or "") if beat else "",
        ago(beat.last_success_at, now) if beat else "never",
        str(beat.consecutive_failures) if beat else "0",
        ahead(job.next_run_at, now) or "not expected",
    )


def _notes(job: JobStatus, now: datetime) -> Iterator[str]:
    beat = job.beat
    if job.group is None:
        yield "in the database alone: no such job is installed and listed"
    if job.is_scheduled and (beat is None or beat.outcome is None):
        yield "scheduled, but never seen to run"
    if job.late_since:
        yield f"late: nothing ran when it was due, {ago(job.late_since, now)}"
    if beat is not None:
        yield from _of_beat(beat, now)


def _of_beat(beat: Heartbeat, now: datetime) -> Iterator[str]:
    if beat.whole and beat.whole.done < (beat.whole.run.parts or 0):
        group = beat.whole.run.run_group
        yield f"{beat.whole.done} of {beat.whole.run.parts} parts done in {group}"
    if beat.running:
        end = stamp(beat.running.lease_expires_at)
        yield f"run {beat.running.run_id} since {stamp(beat.running.since)}, lease until {end}"
    for run in beat.lost:
        yield f"lost: run {run.run_id} of {stamp(run.since)} never finished"
    if beat.paused:
        yield paused(beat.paused)
    if beat.ahead:
        columns = in_the_future(beat.ahead)
        yield f"{columns}; the next run that succeeds sets it right"
    if beat.last_error:
        yield f"error {ago(beat.last_error_at, now)}: {beat.last_error}"


def paused(found: Paused) -> str:
    """Since when, by whom, until when, and why."""
    return f"paused {found}"


def list_data(
    jobs: Sequence[JobStatus], more: Sequence[Start], problem: str | None
) -> dict[str, Any]:
    """For --json; `problem` is why the database told nothing, and then what it knows is null."""
    return {
        "jobs": [_listed(job, known=problem is None) for job in jobs],
        "schedules": [_start_data(start) for start in more],
        "problem": problem,
    }


def _listed(job: JobStatus, *, known: bool) -> dict[str, Any]:
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


def list_view(
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


def readyz_data(status: str, checks: Sequence[Check], problem: str | None) -> dict[str, Any]:
    """For --json."""
    return {"status": status, "checks": [_check(check) for check in checks]} | (
        {"message": problem} if problem else {}
    )


def _check(check: Check) -> dict[str, Any]:
    return {
        "name": check.name,
        "ok": check.ok,
        "age_seconds": check.age_seconds,
        "threshold_seconds": check.threshold_seconds,
        "runner_id": check.runner_id,
    } | ({"note": check.note} if check.note else {})


def readyz_view(status: str, checks: Sequence[Check]) -> Iterator[str]:
    """As text: the status, then a line a check."""
    yield status
    for check in checks:
        yield f"{_mark(check)} {check.name}: {_age(check)}"


def _mark(check: Check) -> str:
    if check.ok:
        return "ok    "
    return "FAILED" if check.failed else "STALE "


def _age(check: Check) -> str:
    limit = f"limit {span(check.threshold_seconds)}"
    if check.age_seconds is None:
        return f"{check.note or 'never'} ({limit})"
    on = f" on {check.runner_id}" if check.runner_id else ""
    note = f", {check.note}" if check.note else ""
    return f"{span(check.age_seconds)} ago{on} ({limit}{note})"
