"""The sweep: remove every row that a predicate calls stale, in small batches that rest between.

What holds at every instant: a row is deleted only while the predicate is true of its newest
version; batch, ledger and fence are one transaction; a kill loses at most the batch in flight.
"""

from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import psycopg

from maintcli.db import sqlstate
from maintcli.db.tables import Part
from maintcli.errors import Fail, Partial, ThrottledOut
from maintcli.runtime.context import Context
from maintcli.work import count
from maintcli.work.attempt import Patience, Trial, patiently, send_safely
from maintcli.work.batch import Done, Step
from maintcli.work.bite import Bite
from maintcli.work.budget import Budget
from maintcli.work.consent import approval, guard
from maintcli.work.consent.expected import shown
from maintcli.work.outlook import say as outlook
from maintcli.work.outlook import space
from maintcli.work.pace import Pace
from maintcli.work.partitions import expired as partitions
from maintcli.work.stale import Stale
from maintcli.work.sweep import preview, result, walks
from maintcli.work.sweep.heap import HeapWalk
from maintcli.work.sweep.index import IndexWalk
from maintcli.work.sweep.keeping import keeping
from maintcli.work.sweep.plan import Plan
from maintcli.work.sweep.result import Swept, moment
from maintcli.work.sweep.tally import Rule, Tally
from maintcli.work.sweep.task import Task, prepare, reached
from maintcli.work.throttle import Throttle

if TYPE_CHECKING:
    from maintcli.work.archive.archive import Archive
    from maintcli.work.sweep.walks import Again, Walk

MOST_SHOWN = 20
MOST_LEFT = 1_000  # windows with locked rows that are kept for a second try


def sweep(context: Context, stales: Sequence[Stale]) -> Swept:
    """Delete the rows that `stales` describe, table after table, once no guard has objected.

    Raises Refused, DeadlinePassed, StillLocked, and what else errors.py has for databases.
    """
    approval.look_ahead(context)
    patience = Patience(context)
    found = [patiently(patience, partial(prepare, context, stale)) for stale in stales]
    tasks = [task for task in found if task is not None]
    swept = preview.preview(context, tasks) if context.dry_run else None
    with approval.planning(context, tasks, shown(swept) if swept else None):
        patiently(patience, partial(_ask, context, tasks))
    with keeping(context, tasks) as archive:
        if swept is not None:
            return swept
        budget = Budget(context)
        oids = reached(tasks) | {task.target.table.oid for task in tasks}
        throttle = Throttle(context, sorted(oids), budget)
        return Sweep(context, tasks, patience, budget, throttle, archive).run()


def _ask(context: Context, tasks: Sequence[Task]) -> None:
    """Raise Refused unless a plan that still holds lets this through, or every guard."""
    if not approval.check(context, tasks):
        guard.check_tasks(context, tasks)


@dataclass(slots=True)
class Left:
    """Windows with locked rows that are kept for a second try, and all rows left so far."""

    windows: "list[tuple[Again, int]]" = field(default_factory=list)
    rows: int = 0


@dataclass(slots=True)
class Sweep:
    """One sweep in progress, over one table after the other."""

    context: Context
    tasks: Sequence[Task]
    patience: Patience
    budget: Budget
    throttle: Throttle
    archive: "Archive | None" = None
    task: Task = field(init=False)
    rule: Rule = (0, "")
    deleted: int = 0
    batches: int = 0
    named: int = 0
    tables: Counter[str] = field(default_factory=Counter[str])
    dropped: Counter[str] = field(default_factory=Counter[str])
    left: Left = field(default_factory=Left)
    came_back: bool = False
    tally: Tally = field(default_factory=Tally)
    prepared: list[Task] = field(default_factory=list[Task])
    held_rows: int = 0
    throttled_out: ThrottledOut | None = None

    def run(self) -> Swept:
        """Sweep every table; once more when a crash of the server took batches back."""
        try:
            self._drop_partitions()
            found = self._result(self._sweep_all())
        except ThrottledOut:
            self._leave("throttled out")
            raise
        if (why := self.tally.why_blocked()) is not None:
            self.context.counts |= asdict(found)
            raise Partial(reason=why)
        return found

    def _sweep_all(self) -> list[Swept]:
        swept = [self._sweep(number) for number in range(len(self.tasks))]
        while self.came_back and not self.budget.spent_on:
            self.context.log.warn("the server lost its last batches in a crash; sweeping once more")
            self.came_back = False
            swept = [self._sweep(number) for number in range(len(self.tasks))]
        return self._sweep_blocked(swept)

    def _sweep_blocked(self, swept: list[Swept]) -> list[Swept]:
        """Look again at tables of which rows stayed for the sake of rows that are gone by now."""
        before = 0
        while not self.budget.spent_on and before < (gone := self.deleted + self.tally.removed):
            before = gone
            for number in range(len(self.tasks)):
                if self.tally.wants_another(self._rule(number), reached(self.tasks)):
                    swept[number] = self._sweep(number)
        return swept

    def _drop_partitions(self) -> None:
        """Drop what can go as a whole; the tasks are then what is left to sweep."""
        self.prepared = []
        for number, task in enumerate(self.tasks):
            self.task = task
            found = partitions.drop(self.context, task, self._note, self._may_go_on)
            self.tasks = [*self.tasks[:number], found.task, *self.tasks[number + 1 :]]
            self.prepared.append(found.before)
            self.held_rows += found.held_rows
            if self.throttled_out is not None:
                raise self.throttled_out
        self.dropped = self.tables.copy()

    def _may_go_on(self) -> bool:
        try:
            self.throttle.wait_if_needed()
        except ThrottledOut as error:
            self.throttled_out = error
            return False
        return not self.budget.spent(self.deleted)

    def _rule(self, number: int) -> Rule:
        return number, str(self.tasks[number].target.table)

    def _sweep(self, number: int) -> Swept:
        """Sweep every part of a table, then try once more what was locked."""
        task = self.tasks[number]
        self.task, self.rule, self.left = task, self._rule(number), Left()
        self.tally.begin(self.rule)
        for chosen in task.plans:
            self.context.log.debug(f"{chosen.part}: {chosen.way} plan, {chosen.why}")
            if not self.budget.spent_on:
                with self._unless_gone(chosen.part):
                    self._walk(walks.choose(self.context, task, chosen, self.archive), chosen)
        if not self.budget.spent_on:
            self._try_again()
        return Swept(
            deleted_count=0,  # known for all tables together
            locked_count=self.left.rows,
            null_count=count.nulls(self.context, task.target),
            remaining_count=count.remaining(self.context, task.target),
            batches=0,
            cutoff=moment(task.target.cutoff),
            plan=task.ways,
            tables={},
        )

    @contextmanager
    def _unless_gone(self, *parts: Part) -> Generator[None]:
        """Pass over what is left to do in a partition that others have dropped meanwhile."""
        try:
            yield
        except psycopg.errors.UndefinedTable:
            if not count.some_gone(self.context, [part.oid for part in parts]):
                raise
            self.context.log.info(f"{', '.join(map(str, parts))}: dropped by others meanwhile")

    def _walk(self, walk: "Walk", chosen: Plan) -> None:
        order = self.context.order
        target_ms = order.value("batch_target").approx_seconds * 1000
        pace = Pace(target_ms, order.value("share"), walk.first_bite)
        while not walk.finished:
            done = self._send(walk, pace)
            self._note(done, walk.window(done))
            rest = pace.learn(walk.advance(done), done.server_ms, done.wall_ms)
            if done.tied and isinstance(walk, IndexWalk):
                self._walk(HeapWalk(chosen.part.quoted, walk.tie(), chosen.part.blocks), chosen)
            order.progress(self.deleted, walk.progress)
            if self.budget.spent(self.deleted):
                return
            if not walk.finished:
                self.throttle.wait_if_needed(done.waiting)
                self.context.stop.wait(rest)

    def _send(self, walk: "Walk | Again", pace: Pace) -> Done:
        try:
            return send_safely(self.patience, pace, partial(self._step, walk, pace))
        except psycopg.Error as error:
            if error.sqlstate != sqlstate.NOT_AS_GATHERED:
                raise
        if not walk.take_whole():
            raise Fail(
                reason=f"rows of {self.task.target.table}, or of what refers to them, do not go as"
                " they were looked at, so they were not archived and not deleted: a trigger keeps"
                " or changes them. Take the trigger out, or sweep without --archive."
            )
        self.context.log.debug("a trigger looks after what refers: each row goes with all below it")
        return self._send(walk, pace)

    def _step(self, walk: "Walk | Again", pace: Pace, trial: Trial) -> Step:
        bite = Bite(
            pace.bite,
            *trial,
            show=self.task.target.show,
            most_shown=MOST_SHOWN - self.named,
            limited=self.budget.limit is not None,
        )
        return walk.step(bite)._replace(
            most=self.budget.rows_left(self.deleted), watched=self.throttle.is_due
        )

    def _note(self, done: Done, window: "Again | None" = None) -> None:
        self.batches += 1
        expected = self.deleted + done.rows
        self.deleted = done.total if self.context.lease else expected
        self.came_back |= self.deleted < expected  # batches that were not yet on disk
        self.tables[str(self.task.target.table)] += done.rows + self.deleted - expected
        # Known from now on, however the run ends.
        self.context.counts |= {"deleted_count": self.deleted, "batches": self.batches}
        if done.extra is not None and window is not None:
            window.tell(self.tally, self.rule, done.extra)
            self.context.counts |= self.tally.figures
        for row in done.shown:
            self.context.log.info("removed " + " ".join(row))
        self.named += len(done.shown)
        self.left.rows += done.left
        if done.left and window is not None and len(self.left.windows) < MOST_LEFT:
            self.left.windows.append((window, done.left))

    def _try_again(self) -> None:
        again, self.left.windows = self.left.windows, []
        for window, rows in again:
            pace = Pace(1, 100, 1)
            self.left.rows -= rows
            with self._unless_gone(*self.task.target.table.parts):
                while not window.finished:
                    done = self._send(window, pace)
                    self._note(done, window)
                    window.advance(done)

    def _result(self, swept: Sequence[Swept]) -> Swept:
        log, whole = self.context.log, result.total(swept)
        if (held := self.held_rows) and whole.remaining_count is not None:
            whole = replace(whole, remaining_count=whole.remaining_count + held)
        whole = replace(whole, locked_count=whole.locked_count + held)
        if self.deleted > self.named > 0:
            log.info(f"and {self.deleted - self.named:,} more")
        if whole.locked_count:
            rows = f"{whole.locked_count:,} stale rows"
            log.warn(f"{rows} are locked by others; the next run takes them")
        self.context.backlog = whole.locked_count + self.tally.blocked.total()
        if self.budget.spent_on:
            self._leave(f"{self.budget.spent_on} is spent")
        tables = space.tables(self.prepared, swept, self.tables - self.dropped, self.tally.cascaded)
        made, gone = space.freed(self.context, tables if self.deleted else ())
        return replace(
            whole,
            deleted_count=self.deleted,
            batches=self.batches,
            tables=dict(self.tables + self.tally.cascaded),
            **self.tally.figures,
            bytes_reusable=made,
            bytes_returned=gone,
            throttled_ms=self.throttle.total_ms,
            throttled_by=dict(self.throttle.paused_ms),
        )

    def _leave(self, why: str) -> None:
        outlook.say(self.context, [task.target for task in self.tasks], why)
