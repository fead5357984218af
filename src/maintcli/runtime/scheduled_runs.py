"""Reading what the ledger has seen of jobs that schedulers start. Looking writes nothing."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from maintcli.runtime import history
from maintcli.runtime.heartbeats import Heartbeat, watch
from maintcli.runtime.session import Session


class Came(NamedTuple):
    """A run; `ended_at` is None where it is in progress or was lost."""

    origin: str
    started_at: datetime
    ended_at: datetime | None


class Seen(NamedTuple):
    """Of one job: the newest run that a scheduler started, and the newest by hand.

    `recent` are the scheduler's runs of the time that was asked for, the newest first. `paused`
    says since when, by whom and why; blank where it is not paused.
    """

    newest: Came | None = None
    by_hand: Came | None = None
    recent: tuple[Came, ...] = ()
    paused: str = ""
    is_running: bool = False


class Looked(NamedTuple):
    """All of it. `since` is from when on this version and configuration are known to be in force;
    None where no run had them. `last_other` is then the newest run that a scheduler started.
    """

    now: datetime
    made_at: datetime
    since: datetime | None
    last_other: datetime | None
    jobs: Mapping[str, Seen]


def look(
    session: Session, schema: str, asked: Mapping[str, timedelta], *, config_hash: str, version: str
) -> Looked:
    """What is known of each job in `asked`, with its recent runs of that time."""
    watched = watch(session, schema)
    since, last = history.in_force(session, schema, config_hash, version)
    newest = {
        (job, by): Came(*run) for job, by, *run in history.newest_started(session, schema, [*asked])
    }
    recent: dict[str, list[Came]] = {}
    for job, *run in history.recently_scheduled(session, schema, asked):
        recent.setdefault(job, []).append(Came(*run))
    return Looked(
        now=watched.now,
        made_at=watched.made_at,
        since=since,
        last_other=last,
        jobs={
            job: Seen(
                newest=newest.get((job, True)),
                by_hand=newest.get((job, False)),
                recent=tuple(recent.get(job, ())),
                paused=_paused(watched.beats.get(job)),
                is_running=_is_running(watched.beats.get(job)),
            )
            for job in asked
        },
    )


def _paused(beat: Heartbeat | None) -> str:
    if beat is None or beat.paused is None:
        return ""
    because = f": {beat.paused.why}" if beat.paused.why else ""
    return f"since {beat.paused.since:%Y-%m-%d %H:%M} by {beat.paused.by or 'somebody'}{because}"


def _is_running(beat: Heartbeat | None) -> bool:
    return beat is not None and beat.running is not None
