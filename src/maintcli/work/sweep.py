"""The sweep: remove every row that a predicate calls stale, in small batches that rest between.

What holds at every instant: a row is deleted only while the predicate is true of its newest
version; batch, ledger and fence are one transaction; a kill loses at most the batch in flight.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import LiteralString

from psycopg import sql

from maintcli.config.duration import Duration
from maintcli.runtime.context import Context
from maintcli.work import count, guard, plan, preview
from maintcli.work.attempt import Patience, patiently, send_safely
from maintcli.work.batch import Done, Step
from maintcli.work.heap import HeapWalk
from maintcli.work.index import IndexWalk
from maintcli.work.pace import Pace
from maintcli.work.plan import Plan, Way
from maintcli.work.result import Swept
from maintcli.work.target import Target, find
from maintcli.work.window import Window

MOST_SHOWN = 20
MOST_LEFT = 1_000  # windows with locked rows that are kept for a second try


def sweep(
    context: Context,
    table: str,
    *,
    where: LiteralString,
    by: str,
    older_than: Duration,
    show: Sequence[str] = (),
) -> Swept:
    """Delete the rows of `table` for which `where` holds; `by` is the column that says their age.

    `where` names columns and the cutoff in braces. Raises Refused, DeadlinePassed, StillLocked,
    and what else errors.py has for databases.
    """
    patience = Patience(context)
    target = patiently(
        patience, lambda: find(context, table, where=where, by=by, older_than=older_than, show=show)
    )
    plans = patiently(
        patience, lambda: [plan.choose(context, target, part) for part in target.table.parts]
    )
    swept = preview.preview(context, target, plans) if context.dry_run else None
    patiently(patience, lambda: guard.check(context, target))
    if swept is not None:
        return swept
    return Sweep(context, target, plans, patience).run()


@dataclass(slots=True)
class Sweep:
    """One sweep in progress."""

    context: Context
    target: Target
    plans: Sequence[Plan]
    patience: Patience
    deleted: int = 0
    batches: int = 0
    named: int = 0
    left: list[tuple[Window, int]] = field(default_factory=list[tuple[Window, int]])
    left_rows: int = 0
    came_back: bool = False

    def run(self) -> Swept:
        """Sweep every part, then try once more what was locked."""
        self._sweep()
        while self.came_back:
            self.context.log.warn("the server lost its last batches in a crash; sweeping once more")
            self.came_back, self.left, self.left_rows = False, [], 0
            self._sweep()
        return self._result()

    def _sweep(self) -> None:
        for chosen in self.plans:
            self.context.log.debug(f"{chosen.part}: {chosen.way} plan, {chosen.why}")
            self._walk(self._walker(chosen), chosen)
        self._try_again()

    def _walker(self, chosen: Plan) -> HeapWalk | IndexWalk:
        part, target = chosen.part, self.target
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
        return walk.step(pace.bite, skip_locked=skip_locked, show=self.target.show, most_shown=most)

    def _note(self, done: Done, window: Window) -> None:
        self.batches += 1
        expected = self.deleted + done.rows
        self.deleted = done.total if self.context.lease else expected
        self.came_back |= self.deleted < expected  # batches that were not yet on disk
        # Known from now on, however the run ends.
        self.context.counts |= {"deleted_count": self.deleted, "batches": self.batches}
        for row in done.shown:
            self.context.log.info("removed " + " ".join(row))
        self.named += len(done.shown)
        self.left_rows += done.left
        if done.left and len(self.left) < MOST_LEFT:
            self.left.append((window, done.left))

    def _try_again(self) -> None:
        again, self.left = self.left, []
        for window, rows in again:
            pace = Pace(1, 100, 1)
            done = send_safely(self.patience, pace, partial(self._step, window, pace))
            self.left_rows -= rows
            self._note(done, window)

    def _result(self) -> Swept:
        context, log = self.context, self.context.log
        if self.deleted > self.named > 0:
            log.info(f"and {self.deleted - self.named:,} more")
        if self.left_rows:
            log.warn(f"{self.left_rows:,} stale rows are locked by others; the next run takes them")
        context.backlog = self.left_rows
        return Swept(
            deleted_count=self.deleted,
            locked_count=self.left_rows,
            null_count=count.nulls(context, self.target),
            remaining_count=count.remaining(context, self.target),
            batches=self.batches,
            cutoff=preview.moment(self.target.cutoff),
            plan=preview.ways(self.plans),
        )
