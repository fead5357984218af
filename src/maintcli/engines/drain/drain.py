"""The loop of a drain: claim, act, settle, until nothing is due or a budget is spent."""

import time
from dataclasses import asdict
from typing import Final

import psycopg

from maintcli.db import sqlstate
from maintcli.engines.drain.claim import Claim, Claims, Settled, shortened
from maintcli.engines.drain.queue import (
    LONGEST_DELAY,
    Drained,
    Handler,
    Item,
    Move,
    Queue,
    Result,
    Values,
    Verdict,
    WouldDrain,
)
from maintcli.engines.drain.table import find
from maintcli.errors import Interrupted, Partial, Unreachable
from maintcli.runtime.context import Context
from maintcli.words import many, span

_OLDEST_EACH: Final = 10  # of so many claims one takes the oldest item, whatever its order
_LAST_SECONDS: Final = 2.0  # of the timeout, to settle and to say how it ended
_FOREVER: Final = float("inf")


def drain(context: Context, queue: Queue, handle: Handler) -> Drained | WouldDrain:
    """Hand each due item to `handle`, one after the other, and settle what it says.

    Raises Partial where items were given up, Unreachable where a provider was down; the figures
    are in the report all the same. What `handle` raises counts as a transient failure of the item.
    """
    table = find(context, queue)
    claims = Claims(context, table)
    if context.dry_run:
        due, oldest = claims.left()
        context.counts["message"] = _would(due, oldest, str(table.table))
        return WouldDrain(due, oldest, claims.first())
    if context.lease is None:
        context.log.warn("without run history a repeated item is not reported as such")
    return _Drain(context, queue, claims, str(table.table)).run(handle)


class _Drain:
    """One run's counters, and its lanes that are closed for a time."""

    def __init__(self, context: Context, queue: Queue, claims: Claims, title: str) -> None:
        self._context, self._queue, self._claims, self._title = context, queue, claims, title
        self._counts = {"done": 0, "retried": 0, "gave_up": 0, "possible_duplicate": 0, "lost": 0}
        self._closed: dict[str, float] = {}  # lane → until when, by the monotonic clock
        self._failures: dict[str, int] = {}  # lane → in a row
        self._outages: dict[str, str] = {}  # lane → what its provider said
        self._acted = 0
        seconds = context.order.value("max_seconds")
        self._end = time.monotonic() + seconds if seconds else _FOREVER

    def run(self, handle: Handler) -> Drained:
        """Drain, and report."""
        try:
            self._give_up_expired()
            while (claim := self._next()) is not None:
                with self._context.stop.item():
                    self._settle(claim, self._act(handle, claim.item))
        finally:
            self._note()
        left, oldest = self._claims.left()
        self._context.backlog = left
        figures = {f"{name}_count": number for name, number in self._counts.items()}
        done = Drained(**figures, oldest_due_seconds=oldest)
        self._context.counts |= asdict(done)
        self._finish(left)
        return done

    def _give_up_expired(self) -> None:
        if expired := self._claims.expire():
            self._counts["gave_up"] += expired
            self._context.log.warn(f"gave up {many(expired, 'item')} of {self._title}: out of time")

    def _left(self) -> float:
        """Seconds for the next item."""
        return min(self._end - time.monotonic(), self._context.deadline.left - _LAST_SECONDS)

    def _next(self) -> Claim | None:
        """The next item; waits for a lane that opens soon. None: nothing is due, or no time."""
        order = self._context.order
        limit, timeout = order.value("limit"), order.value("item_timeout")
        own = timeout.approx_seconds if timeout else _FOREVER
        while limit is None or self._acted < limit:
            self._context.stop.check()
            left = self._left()
            if left < min(own, self._queue.least_seconds):
                return None
            now = time.monotonic()
            self._closed = {lane: until for lane, until in self._closed.items() if until > now}
            if self._queue.lane is None and self._closed:
                claim = None
            else:
                claim = self._claims.claim(
                    seconds=min(own, left),
                    closed=list(self._closed),
                    oldest=self._acted % _OLDEST_EACH == _OLDEST_EACH - 1,
                )
            if claim is not None:
                self._acted += 1
                self._counts["possible_duplicate"] += claim.item.unknown
                return claim
            opens = min(self._closed.values(), default=_FOREVER) - now
            if opens + min(own, self._queue.least_seconds) > left:
                return None
            self._context.log.info(f"waiting {span(max(opens, 0))}, as the provider asks")
            self._context.stop.wait(max(opens, 0))
        return None

    def _act(self, handle: Handler, item: Item) -> Result:
        """What the handler says; an error of its own is the item's, not the run's."""
        try:
            with self._context.stop.outside():
                return handle(item)
        except Interrupted:  # the time for an item in flight is over
            return Result(Verdict.UNKNOWN, "the run was interrupted before the answer came")
        except Exception as error:  # noqa: BLE001  one bad item harms itself only
            said = sqlstate.said(error) if isinstance(error, psycopg.Error) else str(error)
            return Result(Verdict.TRANSIENT, f"{type(error).__name__}: {said}")

    def _settle(self, claim: Claim, result: Result) -> None:
        settled = self._decide(claim, result)
        try:
            kept = self._claims.settle(claim, settled)
        except psycopg.Error as error:
            if not sqlstate.is_of_rows(error):
                raise
            # What the handler wants written does not fit the table; the item is tried again.
            said = f"its result could not be stored: {sqlstate.said(error)}"
            settled = self._decide(claim, Result(Verdict.TRANSIENT, said))
            kept = self._claims.settle(claim, settled)
        if not kept:
            self._counts["lost"] += 1
            self._context.log.warn(
                f"{claim.item.key}: another run took it over, or it was changed, before the result"
                " was stored; it may be done twice"
            )
        else:
            self._count(claim, settled)
        self._note()
        self._context.order.progress(self._acted, None)

    def _decide(self, claim: Claim, result: Result) -> Settled:
        """The step that follows a result, and what it means for the item's lane."""
        queue, item, verdict = self._queue, claim.item, result.verdict
        message, delay = shortened(result.message), queue.backoff.delay(item.attempt)
        asked = min(result.retry_after or 0.0, LONGEST_DELAY)
        self._watch(claim, result, asked)
        step: Values | Move | None = queue.retry
        reason = ""
        delay = max(delay, asked)
        if verdict is Verdict.DONE:
            step, delay = (queue.give_back, asked) if result.again else (queue.done, 0.0)
        elif verdict is Verdict.PROVIDER:
            step, delay = queue.give_back, 0.0
        elif verdict is Verdict.LIMITED:
            step = queue.give_back
        elif verdict is Verdict.PERMANENT or item.attempt >= queue.backoff.attempts:
            step, reason = queue.give_up, "permanent"
            if verdict is not Verdict.PERMANENT:
                reason = "attempts"
        return Settled(verdict, message, step, delay, reason, result)

    def _watch(self, claim: Claim, result: Result, asked: float) -> None:
        """Close the lane where its provider is down, asks to wait, or fails again and again."""
        lane, verdict = claim.lane, result.verdict
        if verdict is Verdict.DONE:
            self._failures[lane] = 0
        elif verdict is Verdict.PROVIDER:
            self._closed[lane] = _FOREVER
            self._outages[lane] = shortened(result.message)
        elif verdict is Verdict.LIMITED:
            self._closed[lane] = time.monotonic() + asked
        elif self._queue.lane_failures is not None:
            self._failures[lane] = self._failures.get(lane, 0) + 1
            if self._failures[lane] >= self._queue.lane_failures:
                self._closed[lane] = _FOREVER

    def _count(self, claim: Claim, settled: Settled) -> None:
        log, item = self._context.log, claim.item
        said = f": {settled.message}" if settled.message else ""
        if settled.reason:
            self._counts["gave_up"] += 1
            log.warn(f"gave up {item.key} after {many(item.attempt, 'attempt')}{said}")
        elif settled.verdict is Verdict.DONE:
            self._counts["done"] += not (settled.result and settled.result.again)
            log.debug(f"done {item.key}{said}")
        else:
            self._counts["retried"] += 1
            log.info(f"{item.key} will be tried again{said}")

    def _note(self) -> None:
        """Keep the report's figures up to date, whatever ends the run."""
        self._context.counts |= {f"{name}_count": number for name, number in self._counts.items()}

    def _finish(self, left: int | None) -> None:
        counts, parts = self._counts, list[str]()
        for name, words in (("retried", "will be tried again"), ("gave_up", "given up")):
            if counts[name]:
                parts.append(f"{counts[name]:,} {words}")
        if left:
            parts.append(f"{left:,} remain")
        sentence = "; ".join([f"Done {many(counts['done'], 'item')} of {self._title}", *parts])
        if not self._acted and not counts["gave_up"]:
            sentence = f"Nothing is due in {self._title}" if not left else sentence
        if self._outages:
            what = "; ".join(sorted(set(self._outages.values())))
            raise Unreachable(f"{sentence}. Its provider is down, so the rest waits: {what}.")
        if counts["gave_up"]:
            raise Partial(f"{sentence}.")
        self._context.counts["message"] = f"{sentence}."


def _would(due: int | None, oldest: int | None, title: str) -> str:
    if due == 0:
        return f"Nothing is due in {title}."
    if due is None:
        return f"More items of {title} are due than could be counted in time."
    since = f"; the oldest has waited {span(oldest)}" if oldest else ""
    return f"{many(due, 'item')} of {title} {'is' if due == 1 else 'are'} due{since}."
