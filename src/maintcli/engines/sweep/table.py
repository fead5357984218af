"""One pass over a table: each of its parts, then once more what was locked."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import psycopg
from psycopg import sql

from maintcli.db import sqlstate
from maintcli.db.catalog.tables import Part
from maintcli.engines.base import identity
from maintcli.engines.base.batch import Done, Step, Terms
from maintcli.engines.base.delete import Bite
from maintcli.engines.base.pacing import Budget, Pace
from maintcli.engines.base.retry import Patience, Trial, send_safely
from maintcli.engines.base.throttle import Throttle
from maintcli.engines.foreign_keys.tally import Rule
from maintcli.engines.sweep import walks
from maintcli.engines.sweep.account import Account
from maintcli.engines.sweep.task import Plan, Task
from maintcli.engines.sweep.walks import Plain, PlainWalk
from maintcli.engines.windows.blocks import Blocks
from maintcli.engines.windows.values import Values
from maintcli.errors import Fail
from maintcli.runtime.context import Context
from maintcli.runtime.session import LOCK_TIMEOUT_MS

if TYPE_CHECKING:
    from maintcli.engines.archive.archive import Archive
    from maintcli.engines.foreign_keys.walk import ClosureWalk
    from maintcli.engines.sweep.walks import Again, Walk

W = TypeVar("W", bound="Walk | Again")
_NOT_ROWS = {sqlstate.TABLE_CHANGED, sqlstate.UNDEFINED_TABLE}  # see _unless_gone
MOST_LEFT = 1_000  # windows with locked rows that are kept for a second try


@dataclass(frozen=True, slots=True)
class SweepResources:
    """What the tables of a run share."""

    context: Context
    patience: Patience
    budget: Budget
    throttle: Throttle
    archive: "Archive | None"
    account: Account


class TableSweep:
    """One pass over the table of `task`, by `rule`."""

    def __init__(self, resources: SweepResources, task: Task, rule: Rule) -> None:
        self.resources, self.task, self.rule = resources, task, rule
        self.left_rows = 0
        self.again: list[tuple[Again, Part, int]] = []  # windows with locked rows, and how many

    def run(self) -> None:
        """Sweep every part, then try once more what was locked; `left_rows` still are."""
        context, budget = self.resources.context, self.resources.budget
        self.resources.account.tally.begin(self.rule)
        for chosen in self.task.plans:
            context.log.debug(f"{chosen.part}: {chosen.way} plan, {chosen.why}")
            if not budget.spent_on:
                with self._unless_gone(chosen.part):
                    walk = walks.choose(context, self.task, chosen, self.resources.archive)
                    self._walk(walk, chosen)
        if not budget.spent_on:
            self._try_again()

    @contextmanager
    def _unless_gone(self, part: Part) -> Generator[None]:
        """Pass over a partition that others have dropped or detached: it is not ours any more.

        Raises TryAgain for whatever else is not as it was when the run began.
        """
        context, table = self.resources.context, self.task.target.table
        try:
            yield
        except psycopg.Error as error:
            if error.sqlstate not in (sqlstate.TABLE_CHANGED, sqlstate.UNDEFINED_TABLE):
                raise
            how = identity.gone(context, table, part)
            if how is None:
                found = identity.changed(context, table, part)
                if found is None and error.sqlstate == sqlstate.UNDEFINED_TABLE:
                    raise  # another table is missing: a trigger of the user's wants it
                raise (found or identity.error(context, part)) from None
            context.log.info(f"{part}: {how} by others meanwhile; passed over")

    def _walk(self, walk: "Walk", chosen: Plan) -> None:
        context, account = self.resources.context, self.resources.account
        order = context.order
        target_ms = order.value("batch_target").approx_seconds * 1000
        pace = Pace(target_ms, order.value("share"), walk.first_bite)
        while not walk.finished:
            walk, done = self._send(walk, pace, chosen.part)
            self._note(done, walk.window(done), chosen.part)
            units = walk.advance(done)
            known = None if isinstance(walk, Plain) else walk.fixed_ms or 0.0
            fixed_ms = pace.fixed_ms(units, done.server_ms) if known is None else known
            rest = pace.learn(units, done.server_ms, done.wall_ms, fixed_ms)
            if done.tied and isinstance(walk.windows, Values):
                part, tie = chosen.part, walk.windows.tie()
                ties = Blocks(part.quoted, tie, part.blocks)
                self._walk_tie(PlainWalk(part.oid, ties), chosen)
            order.progress(account.deleted, walk.progress)
            if not walk.finished and not self.resources.budget.spent(account.deleted):
                self.resources.throttle.wait_if_needed(done.waiting)
                context.stop.wait(rest)
            if self.resources.budget.spent(account.deleted):  # a pause may have spent it
                return

    def _walk_tie(self, walk: PlainWalk, chosen: Plan) -> None:
        """Sweep rows of one value by blocks; those that stay are met, and counted, on the way."""
        left_rows, windows, tally = self.left_rows, len(self.again), self.resources.account.tally
        failed = tally.failed[self.rule]
        self._walk(walk, chosen)
        if not self.resources.budget.spent_on:
            self.left_rows, tally.failed[self.rule] = left_rows, failed
            del self.again[windows:]

    def _try_again(self) -> None:
        again, self.again = self.again, []
        for left, part, rows in again:
            if self.resources.budget.spent(self.resources.account.deleted):
                return
            window, pace = left, Pace(1, 100, 1)
            self.left_rows -= rows
            with self._unless_gone(part):
                while not window.finished:
                    window, done = self._send(window, pace, part)
                    self._note(done, window, part)
                    window.advance(done)

    def _send(self, walk: W, pace: Pace, part: Part) -> "tuple[W | ClosureWalk, Done]":
        """Send the next batch of `walk`, or of the one that takes its place."""
        step = partial(self._step, walk, pace, part)
        try:
            return walk, send_safely(self.resources.patience, pace, step, walk)
        except psycopg.Error as error:
            if error.sqlstate == sqlstate.SCHEMA_CHANGED:
                raise identity.error(self.resources.context, self.task.target.table) from None
            if error.sqlstate in _NOT_ROWS:
                raise
            other = self._closer(walk, error)
        return self._send(other, pace, part)

    def _closer(self, walk: "Walk | Again", error: psycopg.Error) -> "ClosureWalk":
        """The walk that continues where `error` stopped `walk`, or the error."""
        context, target = self.resources.context, self.task.target
        if error.sqlstate == sqlstate.NOT_AS_GATHERED and not isinstance(walk, Plain):
            if walk.take_whole():
                context.log.debug(
                    "a trigger looks after what refers: each row goes with all below it"
                )
                return walk
            raise Fail(
                f"rows of {target.table}, or of what refers to them, do not go as"
                " they were looked at, so they were not archived and not deleted: a trigger keeps"
                " or changes them. Take the trigger out, or sweep without --archive."
            )
        other = walks.closely(context, self.task, walk) if isinstance(walk, Plain) else walk
        if not other.isolate(walks.key(context, self.task, other)):
            raise error
        context.log.debug(f"rows are taken one by one: {sqlstate.said(error)}")
        return other

    def _step(self, walk: "Walk | Again", pace: Pace, part: Part, trial: Trial) -> Step:
        account, budget = self.resources.account, self.resources.budget
        bite = Bite(
            pace.bite,
            *trial,
            show=self.task.target.show,
            most_shown=account.most_shown,
            limited=budget.limit is not None,
        )
        most: sql.Composable | None = budget.rows_left(account.deleted)
        step = walk.step(bite)
        check = sql.Composed([identity.check(self.task.target, part), walk.unchanged])
        watched = self.resources.throttle.is_due
        return step._replace(terms=Terms(most, watched, check, part.oid))

    def _note(self, done: Done, window: "Again", part: Part) -> None:
        account = self.resources.account
        account.enter(self.rule[0], str(self.task.target.table), done)
        account.enter_below(self.rule, done, window)
        self.left_rows += done.left
        waits = done.below.waits if done.below else 0
        self.resources.patience.waited_for_rows(waits * LOCK_TIMEOUT_MS / 1000)
        if done.left and len(self.again) < MOST_LEFT:
            self.again.append((window, part, done.left))
