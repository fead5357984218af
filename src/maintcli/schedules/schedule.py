"""A job's schedule: one or more cron expressions in one time zone."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from maintcli.schedules import cron

GRACE_SECONDS = 60.0  # what a scheduler may take to start a run


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a job is due; `enabled` whether anybody should start it then."""

    expressions: tuple[str, ...]
    zone: str
    enabled: bool
    timeout_seconds: float

    @property
    def is_on(self) -> bool:
        """Whether the job is to be started by itself at all."""
        return self.enabled and bool(self.expressions)

    def __str__(self) -> str:
        text = ", ".join(self.expressions)
        return text if self.zone == "UTC" or not text else f"{text} {self.zone}"

    def next_after(self, when: datetime) -> datetime | None:
        """The next due time after `when`; None where it is off."""
        if not self.is_on:
            return None
        times = (cron.next_time(e, self.zone, when) for e in self.expressions)
        return min((t for t in times if t is not None), default=None)

    def period(self, now: datetime) -> float | None:
        """Seconds from one due time to the next, of the most frequent expression."""
        if not self.is_on:
            return None
        periods = (cron.period(e, self.zone, now) for e in self.expressions)
        return min((p for p in periods if p is not None), default=None)

    def patience(self, now: datetime) -> float | None:
        """Seconds after which a success is too old: period, timeout and grace."""
        found = self.period(now)
        return None if found is None else found + self.timeout_seconds + GRACE_SECONDS

    def missed_since(self, last_seen: datetime, now: datetime) -> datetime | None:
        """The first due time after `last_seen` at which nothing came, once the grace is over."""
        due = self.next_after(last_seen)
        return due if due and due + timedelta(seconds=GRACE_SECONDS) <= now else None
