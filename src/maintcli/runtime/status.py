"""One job's state: its heartbeat beside its schedule."""

from dataclasses import dataclass
from datetime import datetime

from maintcli.runtime.heartbeats import Heartbeat


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """What is known of a job. `late_since` is the first due time at which nothing came.

    `beat` is None for a job never seen to run, `group` for one that is in the database alone.
    Without `is_configured` there is nothing for it to do yet. `when` is the schedule in words.
    """

    name: str
    summary: str
    group: str | None
    origin: str
    schedule: str
    timezone: str
    enabled: bool
    next_run_at: datetime | None
    late_since: datetime | None = None
    beat: Heartbeat | None = None
    is_configured: bool = True
    when: str = ""

    @property
    def is_scheduled(self) -> bool:
        """Whether it is to be started by itself."""
        return self.enabled and bool(self.schedule)

    @property
    def state(self) -> str:
        """The one word that matters most."""
        beat = self.beat
        if beat is not None and beat.running:
            return "running"
        if beat is not None and beat.paused:
            return "paused"
        if beat is None or beat.outcome is None:
            return "never seen"
        return "late" if self.late_since else beat.outcome
