"""Sending a batch, and its retries: locks, deadlocks, time limits and lost connections.

A batch may be sent again after any failure: rows that are gone are not deleted twice, and the
ledger's own total shows whether a lost COMMIT took effect.
"""

import contextlib
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import psycopg

from maintcli.db import sqlstate
from maintcli.db.catalog import blockers
from maintcli.db.catalog.blockers import Blocker
from maintcli.db.sqlstate import Transient
from maintcli.engines.base.batch import Done, Step, message, read
from maintcli.engines.base.pacing import Pace
from maintcli.errors import ConfigError, StillLocked, TryAgain, Unreachable
from maintcli.runtime.context import Context
from maintcli.runtime.lease import lease_lost
from maintcli.words import many, span

_STATEMENT_SECONDS = 30.0
_KEYS_DO_NOT_ACT = (
    "session_replication_role became replica during the run: a trigger, or another client of a"
    " pooler, has set it. Foreign keys and other triggers do not act under it, so rows that refer"
    " would be left behind. The last batch was rolled back. Make the trigger set it back to origin"
    " before it ends."
)
_MOST_FAILURES = 8  # in a row, on one batch
PATIENCE_SECONDS = 30.0
T = TypeVar("T")


class Trial(NamedTuple):
    """How a batch is tried: without rows that others lock; `small` after a time limit."""

    skip_locked: bool = False
    small: bool = False


class Patience:
    """How long a run waits for a table that another session locks as a whole.

    `done` is what the run does to rows.
    """

    def __init__(
        self, context: Context, seconds: float | None = None, *, done: str = "deleted"
    ) -> None:
        self.context = context
        self._done = done
        self._limit = min(seconds or PATIENCE_SECONDS, context.deadline.seconds / 4)
        self._since: float | None = None
        self._for_rows = 0.0

    def ended(self) -> None:
        """The lock is gone."""
        self._since = None

    def waited_for_rows(self, seconds: float) -> None:
        """Add the time that triggers waited for rows; raise TryAgain if it is too much in all."""
        self._for_rows += seconds
        if self._for_rows > self._limit:
            raise TryAgain(
                "A trigger or a foreign key waited for rows that other sessions hold locked; gave"
                f" up after {self._limit:.0f} s. {kept_rows(self.context)}"
            )

    def wait(self) -> None:
        """Wait a little, or raise StillLocked."""
        now = time.monotonic()
        self._since = self._since or now
        if now - self._since > self._limit:
            raise still_locked(self.context, self._limit, self._done)
        self.context.stop.wait(0.2)


def still_locked(context: Context, seconds: float, done: str = "deleted") -> StillLocked:
    """The error that names the table, and the session that locked it for so many seconds."""
    rows = context.counts.get(f"{done}_count", 0)
    blocker = None
    with contextlib.suppress(psycopg.Error, Unreachable):  # the lock is reported without its holder
        blocker = blockers.find(context.session, context.names)
    return StillLocked(
        f"{blocker.table if blocker else 'A table of this run'} was locked by"
        f" {_holder(blocker) if blocker else 'another session'} for {seconds:.0f} s."
        f" {f'{rows:,} rows were {done} before that' if rows else f'Nothing was {done}'}; the next"
        " run tries again."
    )


def _holder(blocker: Blocker) -> str:
    if blocker.pid is None:
        return "a prepared transaction (see pg_prepared_xacts)"
    age = None if blocker.seconds is None else span(blocker.seconds)
    known = ", ".join(filter(None, (blocker.name, age)))
    behind = f", which waits for pid {blocker.behind}," if blocker.behind else ""
    return f"pid {blocker.pid}{f' ({known})' if known else ''}{behind}"


def locked_rows(number: int, what: str = "stale row") -> str:
    """The warning about rows that a run left because other sessions lock them."""
    return f"{many(number, what)} left: locked by other sessions; the next run tries again"


def kept_rows(context: Context) -> str:
    """The end of an error that stopped a run after some batches."""
    deleted = context.counts.get("deleted_count", 0)
    return f"What was done before is kept ({many(deleted)}); the next run continues."


def patiently(patience: Patience, action: Callable[[], T]) -> T:
    """Do `action`, again while its tables are locked; for reading before a sweep."""
    while True:
        try:
            found = action()
        except psycopg.errors.LockNotAvailable:
            patience.wait()
            continue
        patience.ended()
        return found


def send(context: Context, step: Step, *, budget_ms: float, statement_seconds: float) -> Done:
    """Run `step` with ledger and fence in one transaction; psycopg's errors pass through."""
    settings, body, result = message(context, step, budget_ms)
    began = time.perf_counter()
    rows = context.session.write(
        body, settings=settings, then=result, statement_seconds=statement_seconds
    )
    return read(rows, (time.perf_counter() - began) * 1000)


class Sender:
    """How batches are sent, and what follows an error; a walk may have ways of its own."""

    def send(
        self, context: Context, step: Step, *, budget_ms: float, statement_seconds: float
    ) -> Done:
        """Send one batch; psycopg's errors pass through."""
        return send(context, step, budget_ms=budget_ms, statement_seconds=statement_seconds)

    def failed(self, error: psycopg.Error) -> bool:
        """Whether the next batch is another after `error`, and may be sent at once."""
        del error
        return False

    @property
    def walk_closer(self) -> bool:
        """Whether another walk can take its place after an error of single rows."""
        return False


def send_safely(
    patience: Patience, pace: Pace, step: Callable[[Trial], Step], sender: Sender | None = None
) -> Done:
    """Send the batch that `step` makes, until it takes effect, or raise."""
    trial, failures, made, sender = Trial(), 0, None, sender or Sender()
    while True:
        began = time.monotonic()
        try:
            made = step(trial)
            done = sender.send(
                patience.context,
                made,
                budget_ms=pace.budget_ms,
                statement_seconds=made.seconds or _STATEMENT_SECONDS,
            )
        except psycopg.Error as error:
            if made and sender.failed(error):
                patience.context.stop.wait(time.monotonic() - began)  # let blocked sessions proceed
                continue
            if made and sender.walk_closer and _wants_a_closer_walk(error, trial):
                raise
            failures += 1
            trial = _react(patience, pace, error, trial, failures)
            continue
        patience.ended()
        return done


def _wants_a_closer_walk(error: psycopg.Error, trial: Trial) -> bool:
    """Whether rows are to be taken one by one: some are slow, raise, or wait for others' locks."""
    if error.sqlstate == sqlstate.LOCK_NOT_AVAILABLE:
        # The tables were locked before the block of which the server speaks.
        return trial.skip_locked and bool(error.diag.context)
    return error.sqlstate == sqlstate.QUERY_CANCELED or sqlstate.is_of_rows(error)


def _react(
    patience: Patience, pace: Pace, error: psycopg.Error, trial: Trial, failures: int
) -> Trial:
    """Decide what follows a failed batch: how it is tried next, or an error."""
    if error.sqlstate == sqlstate.ROLE_CHANGED:
        raise ConfigError(_KEYS_DO_NOT_ACT) from None
    why = retryable(patience.context, error)
    if why is Transient.LOCKED and trial.skip_locked:
        patience.wait()  # no row lock: the table as a whole is locked
        return trial
    if failures >= _MOST_FAILURES:
        raise sqlstate.meaning(error) from None
    if why is Transient.LOST:
        return trial
    if why is Transient.CONFLICT:
        patience.context.stop.wait(0.05 * failures)
        return trial._replace(skip_locked=True)
    pace.shrink()
    return Trial(skip_locked=True, small=trial.small or why is Transient.CANCELED)


def retryable(context: Context, error: psycopg.Error) -> Transient:
    """Why what failed with `error` may be tried again, on a new connection if this one is lost.

    Raises LeaseLost, Unreachable where it is unknown whether a batch counted, and `error` itself
    where another try is of no use.
    """
    if error.sqlstate == sqlstate.LEASE_LOST:
        raise lease_lost(context.job) from None
    why = sqlstate.transient(error, context.session.connection_or_none)
    if why is None:
        raise error
    if why is Transient.LOST:
        after_loss(context, error)
    return why


def after_loss(context: Context, error: psycopg.Error) -> None:
    """Log that the connection was lost, or raise Unreachable if a new one is of no use."""
    if context.lease is None:
        why = "without run history maint cannot tell whether the last batch counted"
        raise sqlstate.connection_lost(f"{sqlstate.said(error)}; {why}") from None
    context.log.warn("the connection was lost; continuing with a new one")
    context.stop.wait(0.1)
