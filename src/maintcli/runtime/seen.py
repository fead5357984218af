"""What the ledger has seen of jobs that schedulers start."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple


class Came(NamedTuple):
    """A run; `ended_at` is None where it goes on or was lost."""

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
