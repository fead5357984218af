"""Pausing between batches, with the reason said, recorded and bounded."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from maintcli.engines.budget import Budget
from maintcli.engines.outlook.words import span
from maintcli.engines.throttle import waiting
from maintcli.engines.throttle.source import Why
from maintcli.errors import ThrottledOut
from maintcli.runtime.context import Context

if TYPE_CHECKING:
    from maintcli.engines.throttle.look import Look

EVERY_SECONDS = 1.0
_LIMITS = ("max_replica_lag", "max_archive_queue")
_MOST_SAID = 10  # pauses that the log tells of; the report has the sum of all


class Throttle:
    """Asks at most once a second whether to pause, and pauses.

    The first look comes after the first batch: a sweep of one batch is over before it could harm.
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
        ThrottledOut when all pauses together have taken half of the timeout, and the reason to stop
        when one is heard.
        """
        if not self.is_due:
            return
        why = self._held_up(sessions) or self._why()
        while why is not None and self._budget.seconds_left > 0:
            why = self._pause(why)
        self._next = time.monotonic() + EVERY_SECONDS

    def _held_up(self, sessions: int) -> Why | None:
        most_ms = waiting.patience(self._context.deadline.seconds) * 1000
        return waiting.held_up(sessions) if self.paused_ms[waiting.NAME] < most_ms else None

    def _first_look(self) -> "Look":
        from maintcli.engines.throttle.choose import choose
        from maintcli.engines.throttle.look import Look

        return Look(self._context, choose(self._context, self._oids))

    def _why(self) -> Why | None:
        self._look = self._look or self._first_look()
        return self._look.why(self.paused_ms)

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
            # Known from now on, however the run ends.
            self._context.counts |= {
                "throttled_ms": self.total_ms,
                "throttled_by": dict(self.paused_ms),
            }

    def _out(self, why: Why) -> ThrottledOut:
        deleted = self._context.counts.get("deleted_count", 0)
        return ThrottledOut(
            f"Throttled out: pauses took {span(self._limit)}, half of the timeout, the last because"
            f" {why.reason}. What was done before that is kept ({deleted:,} rows), and the next run"
            " goes on."
        )

    def _say(self, sentence: str) -> None:
        log = self._context.log
        (log.info if self._said < _MOST_SAID else log.debug)(sentence)
