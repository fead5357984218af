"""The sweep: remove every row that a predicate calls stale, in small batches that rest between.

What holds at every instant: a row is deleted only while the predicate is true of its newest
version; batch, ledger and fence are one transaction; a kill loses at most the batch in flight.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from psycopg import sql

from maintcli.runtime.context import Context
from maintcli.work import count, guard, preview, result
from maintcli.work.attempt import Patience, patiently, send_safely
from maintcli.work.batch import Done, Step
from maintcli.work.heap import HeapWalk
from maintcli.work.index import IndexWalk
from maintcli.work.pace import Pace
from maintcli.work.plan import Plan, Way
from maintcli.work.result import Swept, moment
from maintcli.work.stale import Stale
from maintcli.work.task import Task, prepare
from maintcli.work.window import Window

MOST_SHOWN = 20
MOST_LEFT = 1_000  # windows with locked rows that are kept for a second try


def sweep(context: Context, stales: Sequence[Stale]) -> Swept:
    """Delete the rows that `stales` describe, table after table, once no guard has objected.

    Raises Refused, DeadlinePassed, StillLocked, and what else errors.py has for databases.
    """
    patience = Patience(context)
    found = [patiently(patience, partial(prepare, context, stale)) for stale in stales]
    tasks = [task for task in found if task is not None]
    swept = preview.preview(context, tasks) if context.dry_run else None
    patiently(patience, lambda: guard.check(context, [task.target for task in tasks]))
    if swept is not None:
        return swept
    return Sweep(context, tasks, patience).run()


@dataclass(slots=True)
class Left:
    """Windows with locked rows that are kept for a second try, and all rows left so far."""

    windows: list[tuple[Window, int]] = field(default_factory=list[tuple[Window, int]])
    rows: int = 0


@dataclass(slots=True)
class Sweep:
    """One sweep in progress, over one table after the other."""

    context: Context
    tasks: Sequence[Task]
    patience: Patience
    task: Task = field(init=False)
    deleted: int = 0
    batches: int = 0
    named: int = 0
    tables: Counter[str] = field(default_factory=Counter[str])
    left: Left = field(default_factory=Left)
    came_back: bool = False

    def run(self) -> Swept:
        """Sweep every table; once more when a crash of the server took batches back."""
        swept = [self._sweep(task) for task in self.tasks]
        while self.came_back:
            self.context.log.warn("the server lost its last batches in a crash; sweeping once more")
            self.came_back = False
            swept = [self._sweep(task) for task in self.tasks]
        return self._result(swept)

    def _sweep(self, task: Task) -> Swept:
        """Sweep every part of a table, then try once more what was locked."""
        self.task, self.left = task, Left()
        for chosen in task.plans:
            self.context.log.debug(f"{chosen.part}: {chosen.way} plan, {chosen.why}")
            self._walk(self._walker(chosen), chosen)
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

    def _walker(self, chosen: Plan) -> HeapWalk | IndexWalk:
        part, target = chosen.part, self.task.target
        if chosen.way is Way.HEAP:
            return HeapWalk(part.quoted, target.predicate, part.blocks)
        kind = sql.SQL(target.by.type)  # pyright: ignore[reportArgumentType]  from the catalog
        return IndexWalk(part.quoted, target.predicate, target.by.name, kind, target.bound)

    def _walk(self, walk: HeapWalk | IndexWalk, chosen: Plan) -> None:
        order = self.context.order
        target_ms = order.value("batch_target").approx_seconds * 1000
        pace = Pace(target_ms, order.value("share"), walk.first_bite)
        while not walk.finished:
            done = send_safely(self.patience, pace, partial(self._step, walk, pace))
            self._note(done, walk.window(done))
            rest = pace.learn(walk.advance(done), done.server_ms, done.wall_ms)
            if done.tied and isinstance(walk, IndexWalk):
                self._walk(HeapWalk(chosen.part.quoted, walk.tie(), chosen.part.blocks), chosen)
            order.progress(self.deleted, walk.progress)
            if not walk.finished:
                self.context.stop.wait(rest)

    def _step(self, walk: HeapWalk | IndexWalk | Window, pace: Pace, skip_locked: bool) -> Step:  # noqa: FBT001  partial
        most = MOST_SHOWN - self.named
        return walk.step(
            pace.bite, skip_locked=skip_locked, show=self.task.target.show, most_shown=most
        )

    def _note(self, done: Done, window: Window) -> None:
        self.batches += 1
        expected = self.deleted + done.rows
        self.deleted = done.total if self.context.lease else expected
        self.came_back |= self.deleted < expected  # batches that were not yet on disk
        self.tables[str(self.task.target.table)] += done.rows + self.deleted - expected
        # Known from now on, however the run ends.
        self.context.counts |= {"deleted_count": self.deleted, "batches": self.batches}
        for row in done.shown:
            self.context.log.info("removed " + " ".join(row))
        self.named += len(done.shown)
        self.left.rows += done.left
        if done.left and len(self.left.windows) < MOST_LEFT:
            self.left.windows.append((window, done.left))

    def _try_again(self) -> None:
        again, self.left.windows = self.left.windows, []
        for window, rows in again:
            pace = Pace(1, 100, 1)
            done = send_safely(self.patience, pace, partial(self._step, window, pace))
            self.left.rows -= rows
            self._note(done, window)

    def _result(self, swept: Sequence[Swept]) -> Swept:
        log, whole = self.context.log, result.total(swept)
        if self.deleted > self.named > 0:
            log.info(f"and {self.deleted - self.named:,} more")
        if whole.locked_count:
            rows = f"{whole.locked_count:,} stale rows"
            log.warn(f"{rows} are locked by others; the next run takes them")
        self.context.backlog = whole.locked_count
        return replace(
            whole, deleted_count=self.deleted, batches=self.batches, tables=dict(self.tables)
        )
