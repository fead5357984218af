"""Throttles: pausing between batches, with the reason logged, recorded and bounded."""

import time
from collections import Counter
from collections.abc import Sequence

from maintcli.engines.base.pacing import Budget
from maintcli.engines.base.retry import kept_rows
from maintcli.engines.base.throttle_sources import (
    WAITING,
    Look,
    Why,
    patience_with_waiting,
    sources,
    waiting,
)
from maintcli.errors import ThrottledOut
from maintcli.runtime.context import Context
from maintcli.words import span

EVERY_SECONDS = 1.0
_LIMITS = ("max_replica_lag", "max_archive_queue")
_MOST_SAID = 10  # pauses in the log; the report has the sum of all


class Throttle:
    """Looks at most once a second whether to pause, and pauses.

    The first look comes after the first batch: a sweep of one batch ends before it could do harm.
    """

    def __init__(self, context: Context, oids: Sequence[int], budget: Budget) -> None:
        """Raises MissingPrivilege where a setting asks for what the role cannot read."""
        self.paused_ms: Counter[str] = Counter()
        self._context = context
        self._oids = oids
        self._budget = budget
        self._limit = context.deadline.seconds / 2
        self._said = 0
        self._next = 0.0 if context.order.value("throttle") else float("inf")
        self._look: Look | None = None
        origins = (context.order.values[name].origin for name in _LIMITS)
        if self._next == 0 and any(origin != "default" for origin in origins):
            self._look = self._first_look()

    @property
    def total_ms(self) -> int:
        """All pauses so far."""
        return sum(self.paused_ms.values())

    @property
    def is_due(self) -> bool:
        """Whether the next call will look; a batch before it may count who waits for it."""
        return time.monotonic() >= self._next

    def wait_if_needed(self, sessions: int = 0) -> None:
        """Pause while there is a reason to; to be called between batches.

        `sessions` waited for the last batch. Returns early when the run's time is spent. Raises
        ThrottledOut when all pauses together have taken half of the timeout, or the reason to stop.
        """
        if not self.is_due:
            return
        why = self._held_up(sessions) or self._why()
        while why is not None and self._budget.seconds_left > 0:
            why = self._pause(why)
        self._next = time.monotonic() + EVERY_SECONDS

    def _held_up(self, sessions: int) -> Why | None:
        """The reason to pause after a batch that so many `sessions` waited for."""
        most_ms = patience_with_waiting(self._context) * 1000
        if not sessions or self.paused_ms[WAITING] >= most_ms:
            return None
        return Why(WAITING, f"{waiting(sessions)} for a row of the last batch")

    def _why(self) -> Why | None:
        self._look = self._look or self._first_look()
        return self._look.why(self.paused_ms)

    def _first_look(self) -> "Look":
        return Look(self._context, sources(self._context, self._oids))

    def _pause(self, why: Why) -> Why | None:
        """Pause for one reason, as long as it holds; return the one that follows."""
        began = time.monotonic()
        now: Why | None = why
        self._say(f"pausing: {why.reason}")
        while now is not None and now.name == why.name and self._budget.seconds_left > 0:
            if self.total_ms >= self._limit * 1000:
                raise self._out(now)
            self._wait(why.name)
            now = self._why()
        waited = span(time.monotonic() - began)
        self._say(f"paused for {waited} because of {why.name}")
        self._said += 1
        return now

    def _wait(self, name: str) -> None:
        began = time.monotonic()
        left = self._limit - self.total_ms / 1000
        try:
            self._context.stop.wait(min(EVERY_SECONDS, left, self._budget.seconds_left))
        finally:
            self.paused_ms[name] += max(1, round((time.monotonic() - began) * 1000))
            # Recorded now, however the run ends.
            self._context.counts |= {
                "throttled_ms": self.total_ms,
                "throttled_by": dict(self.paused_ms),
            }

    def _out(self, why: Why) -> ThrottledOut:
        return ThrottledOut(
            f"Throttled out: pauses took {span(self._limit)}, half of the timeout, the last because"
            f" {why.reason}. {kept_rows(self._context)}"
        )

    def _say(self, sentence: str) -> None:
        log = self._context.log
        (log.info if self._said < _MOST_SAID else log.debug)(sentence)
