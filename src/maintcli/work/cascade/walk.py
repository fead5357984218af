"""Walking a part whose rows others refer to: group after group of roots, each with all below it."""

from collections.abc import Mapping
from copy import copy
from typing import Any

from psycopg import sql

from maintcli.runtime.session import STATEMENT_CAP_SECONDS
from maintcli.work.batch import Done, Step
from maintcli.work.bite import Bite
from maintcli.work.cascade import variables as v
from maintcli.work.cascade.graph import Cascade
from maintcli.work.cascade.script import Script
from maintcli.work.cascade.windows import Pieces, Windows
from maintcli.work.sweep.tally import Rule, Tally

MOST_ROOTS = 1_024


class ClosureWalk:
    """Walks a part that foreign keys refer to.

    With `final` roots, rows below may go in batches before them; else each root goes with all that
    is below it in one transaction. `own` are the members that belong to the swept table;
    `unchanged` raises in a batch that meets another catalog.
    """

    def __init__(
        self,
        cascade: Cascade,
        predicate: sql.Composable,
        windows: Windows,
        *,
        final: bool,
        own: frozenset[int],
        unchanged: sql.Composable,
    ) -> None:
        self.unchanged = unchanged
        self.script, self.windows = Script(cascade, predicate, own), windows
        self.final = final
        self.group = 1
        self.most_roots = MOST_ROOTS
        self.limit = v.LIMIT
        self.skip_always = windows.skips_locked
        self.told: Mapping[str, Any] | None = None

    @property
    def first_bite(self) -> float:
        """Blocks or rows of the first window."""
        return self.windows.first_bite

    @property
    def finished(self) -> bool:
        """Whether every root was met."""
        return self.windows.finished

    @property
    def progress(self) -> float | None:
        """The share of the way that is behind."""
        return self.windows.progress

    def take_whole(self) -> bool:
        """From now on leave no root without what is below it; False where there is no other way."""
        before, self.final = self.final, False
        return before or self.windows.goes_otherwise()

    def step(self, bite: Bite) -> Step:
        """The next batch; limited or not, every group is kept to maint_most."""
        self.windows.look()
        skip = bite.skip_locked or self.skip_always
        pieces = self.windows.pieces(bite.size)
        named = self.script.name(bite.show, bite.most_shown)
        return Step(
            self.body(pieces, named, skip=skip),
            self.settings,
            sql.SQL(" ").join([pieces.declare, self.declare(self.begin_with(bite))]),
            seconds=self.windows.seconds or (None if self.final else STATEMENT_CAP_SECONDS),
            failed=self.windows.failed,
        )

    def begin_with(self, bite: Bite) -> int:
        """The roots of a batch's first group: what met a lock or a limit is tried in small."""
        return 1 if bite.skip_locked or bite.small else self.group

    @property
    def settings(self) -> sql.Composable:
        """What stands before a batch that deletes."""
        lock = self.windows.lock
        return sql.SQL("; ").join([self.windows.settings, *([lock] if lock else [])])

    def window(self, done: Done) -> "ClosureWalk":
        """The same way again, for the rows that were locked."""
        again = copy(self)
        again.windows, again.skip_always = self.windows.again(done.end), True
        again.told = None
        return again

    def advance(self, done: Done) -> float:
        """Go on behind the batch; return its blocks or rows."""
        self.group = int(done.extra["group"]) if done.extra else self.group
        return self.windows.advance(done.end) or done.rows

    def tell(self, tally: Tally, rule: Rule, extra: Mapping[str, Any]) -> None:
        """Have what a batch did beside its own rows added up."""
        now = {**extra, "late": self.windows.take_late()}
        before, self.told = self.told, now if self.told is None else {}
        if before:  # what stays of the same rows is seen, and counted, again
            tally.forget(rule, self.script.cascade, before)
        tally.add(rule, self.script.cascade, self.script.own, now)

    def body(self, pieces: Pieces, named: sql.Composable, *, skip: bool) -> sql.Composable:
        """What is repeated: one group of roots."""
        return v.joined(
            [
                self.script.collect(pieces.list, skip=skip),
                named,
                self.script.remove(),
                self.script.advance(pieces, self.most_roots),
                self.script.extra(),
            ]
        )

    def declare(self, group: int) -> sql.Composable:
        """The variables of a batch that begins with `group` roots."""
        return self.script.declare(group, self.limit if self.final else None)
