"""Throttles: pausing between batches, with the reason said, recorded and bounded."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from psycopg import sql

from maintcli.db import sqlstate
from maintcli.engines.base.pacing import Budget
from maintcli.engines.base.retry import kept_rows
from maintcli.errors import ThrottledOut
from maintcli.runtime.context import Context
from maintcli.words import span

if TYPE_CHECKING:
    from maintcli.engines.base.throttle_sources import Source, Why


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

    def _held_up(self, sessions: int) -> "Why | None":
        from maintcli.engines.base.throttle_sources import WAITING, held_up, patience

        most_ms = patience(self._context.deadline.seconds) * 1000
        return held_up(sessions) if self.paused_ms[WAITING] < most_ms else None

    def _first_look(self) -> "Look":
        from maintcli.engines.base.throttle_sources import choose

        return Look(self._context, choose(self._context, self._oids))

    def _why(self) -> "Why | None":
        self._look = self._look or self._first_look()
        return self._look.why(self.paused_ms)

    def _pause(self, why: "Why") -> "Why | None":
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

    def _out(self, why: "Why") -> ThrottledOut:
        return ThrottledOut(
            f"Throttled out: pauses took {span(self._limit)}, half of the timeout, the last because"
            f" {why.reason}. {kept_rows(self._context)}"
        )

    def _say(self, sentence: str) -> None:
        log = self._context.log
        (log.info if self._said < _MOST_SAID else log.debug)(sentence)


_SECONDS = 1.0


class Look:
    """Asks every source in one short READ ONLY query."""

    def __init__(self, context: Context, sources: "Sequence[Source]") -> None:
        self._context = context
        self._sources = list(sources)

    def why(self, paused_ms: Mapping[str, int]) -> "Why | None":
        """The first reason to pause; `paused_ms` is how long each has held the run up."""
        sources = [s for s in self._sources if paused_ms.get(s.name, 0) < s.patience * 1000]
        reasons = [self._reason(source, found) for source, found in self._read(sources)]
        return next((why for why in reasons if why is not None), None)

    def _reason(self, source: "Source", found: Any) -> "Why | None":
        from maintcli.engines.base.throttle_sources import Why

        reason = found.reason if isinstance(found, _Failed) else source.reason(found)
        return Why(source.name, reason) if reason else None

    def _read(self, sources: "Sequence[Source]") -> "list[tuple[Source, Any]]":
        if not sources:
            return []
        columns = sql.SQL(", ").join(sql.SQL("({})").format(source.query) for source in sources)
        query = sql.SQL("SELECT {}").format(columns)
        try:
            (row,) = self._context.session.read_composed(
                query, statement_seconds=_SECONDS, ours=True
            )
        except psycopg.Error as error:
            return self._failed(sources, error)
        return list(zip(sources, row, strict=True))

    def _failed(
        self, sources: "Sequence[Source]", error: psycopg.Error
    ) -> "list[tuple[Source, Any]]":
        """Ask one by one what could not be asked at once.

        A source that fails alone is left out from now on, unless a setting asks for it: then it
        counts as bad. One that only took too long is asked again at the next look.
        """
        lost = sqlstate.is_lost(error, self._context.session.connection_or_none)
        if len(sources) > 1 and not lost:
            return [pair for source in sources for pair in self._read([source])]
        why = sqlstate.said(error)
        failed = [(source, _Failed(f"{source.name} cannot be read: {why}")) for source in sources]
        for source, (reason,) in failed:
            self._context.log.debug(reason)
            if not (lost or source.origin or error.sqlstate == sqlstate.QUERY_CANCELED):
                self._sources.remove(source)
        return [(source, found) for source, found in failed if source.origin]


class _Failed(NamedTuple):
    """What takes the place of a value that could not be read, and was to be."""

    reason: str
