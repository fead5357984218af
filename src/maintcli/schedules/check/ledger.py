"""The declaration compared with the runs in the ledger."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import combinations
from typing import Final

from maintcli.runtime.heartbeats import Came, Looked, Seen
from maintcli.schedules import cron
from maintcli.schedules.check.files import Finding, Kind
from maintcli.schedules.due import GRACE_SECONDS
from maintcli.schedules.model import Entry

_GRACE: Final = timedelta(seconds=GRACE_SECONDS)
_LONG_GRACE: Final = timedelta(hours=1)  # GitHub starts late, or leaves one out
_DAY: Final = timedelta(days=1)


def horizon(entries: Sequence[Entry], now: datetime) -> timedelta:
    """How far back runs tell whether two schedulers start the job: four periods, or a day."""
    return max(4 * _period(entries, now), _DAY)


def check(jobs: Mapping[str, Sequence[Entry]], looked: Looked) -> Iterator[Finding]:
    """Findings by job: paused, never ran, late, started by two schedulers."""
    seen = {job: looked.jobs.get(job, Seen()) for job in jobs}
    found = [one for job in jobs for one in _job(job, jobs[job], seen[job], looked)]
    yield from found
    if looked.since is None and looked.last_other is not None:
        what = "no run had them yet, so what never ran is expected only since the newest run"
        yield Finding(Kind.NOTED, "this version and configuration", what)
    elif jobs and not found and all(map(_is_unseen, seen.values())):
        yield Finding(Kind.NOTED, "every job", "no scheduler has started one yet; none is overdue")


def _job(job: str, entries: Sequence[Entry], seen: Seen, looked: Looked) -> Iterator[Finding]:
    if seen.paused:
        yield Finding(Kind.PAUSED, job, f"paused {seen.paused}")
        return
    yield from _never(job, entries, seen, looked)
    yield from _late(job, entries, seen, looked)
    yield from _twice(job, entries, seen, looked)


def _is_unseen(seen: Seen) -> bool:
    return seen.newest is None and not seen.is_running


def _never(job: str, entries: Sequence[Entry], seen: Seen, looked: Looked) -> Iterator[Finding]:
    """Only once it was due since the time from which it is known to be declared."""
    if not _is_unseen(seen):
        return
    since = max(looked.made_at, looked.since or looked.last_other or looked.made_at)
    due = _last_due(entries, looked.now - _LONG_GRACE)
    if due is None or due <= since:
        return
    by_hand = f"; by hand it ran at {_stamp(seen.by_hand.started_at)}" if seen.by_hand else ""
    what = f"it was due at {_stamp(due)}, and no scheduler has ever started it{by_hand}"
    yield Finding(Kind.NEVER_RAN, job, what)


def _late(job: str, entries: Sequence[Entry], seen: Seen, looked: Looked) -> Iterator[Finding]:
    newest = seen.newest
    if newest is None or seen.is_running:
        return
    grace = _LONG_GRACE if newest.origin == "github" else _GRACE
    due = _last_due(entries, looked.now - grace)
    last = max(newest.ended_at or newest.started_at, looked.since or looked.made_at)
    # Two machines' clocks differ a little: what came just before it was due came for that.
    if due is None or due <= last + _GRACE or _covers(seen.by_hand, due):
        return
    when = f"{_stamp(newest.started_at)} ({newest.origin})"
    yield Finding(
        Kind.LATE, job, f"it was due at {_stamp(due)}; a scheduler last started it at {when}"
    )


def _covers(run: Came | None, due: datetime) -> bool:
    """Whether it held the job when that was due, so that the scheduler's run was skipped."""
    return run is not None and run.started_at <= due <= (run.ended_at or run.started_at)


def _twice(job: str, entries: Sequence[Entry], seen: Seen, looked: Looked) -> Iterator[Finding]:
    """Origins whose runs still alternate; a finished move from one to the other does not count."""
    active = looked.now - max(3 * _period(entries, looked.now), 2 * _LONG_GRACE)
    spans: dict[str, tuple[datetime, datetime]] = {}
    for run in seen.recent:  # the newest first
        newest = spans[run.origin][1] if run.origin in spans else run.started_at
        spans[run.origin] = (run.started_at, newest)
    spans = {name: span for name, span in spans.items() if span[1] > active}
    for (one, (first, last)), (other, (begin, end)) in combinations(spans.items(), 2):
        if first < end and begin < last and first < last and begin < end:
            what = f"it is started by {one} (last at {_stamp(last)}) and {other} ({_stamp(end)})"
            yield Finding(Kind.TWO_SCHEDULERS, job, what)


def _last_due(entries: Sequence[Entry], before: datetime) -> datetime | None:
    times = (
        cron.previous_time(expression, entry.zone, before)
        for entry in entries
        for expression in entry.expressions
    )
    return max((time for time in times if time is not None), default=None)


def _period(entries: Sequence[Entry], now: datetime) -> timedelta:
    periods = (
        cron.period(expression, entry.zone, now)
        for entry in entries
        for expression in entry.expressions
    )
    return timedelta(seconds=min((p for p in periods if p is not None), default=0.0))


def _stamp(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"
