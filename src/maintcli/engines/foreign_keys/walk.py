"""Walking a part whose rows others refer to: group after group of roots, each with all below it."""

from copy import copy

import psycopg
from psycopg import sql

from maintcli.engines.base import delete
from maintcli.engines.base.batch import Below, Done, Step
from maintcli.engines.base.delete import Bite
from maintcli.engines.base.retry import Sender
from maintcli.engines.foreign_keys import variables as v
from maintcli.engines.foreign_keys.graph import Cascade
from maintcli.engines.foreign_keys.script import Script
from maintcli.engines.foreign_keys.tally import Rule, Tally
from maintcli.engines.windows.window import Pieces, Windows
from maintcli.runtime.session import STATEMENT_CAP_SECONDS

MOST_ROOTS = 1_024


class ClosureWalk(Sender):
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
        self.script, self.windows = Script(cascade, delete.sealed(predicate), own), windows
        self.final = final
        self.group = 1
        self.most_roots = MOST_ROOTS
        self.limit = v.LIMIT
        self.skip_always = windows.skips_locked
        self.isolating = False
        self.fixed_ms: float | None = None
        self.told: Below | None = None
        self.once_more = False

    @property
    def walk_closer(self) -> bool:
        """Whether rows can be passed by one by one, and are not yet."""
        return not self.isolating

    def failed(self, error: psycopg.Error) -> bool:
        """Whether the windows are others after `error`."""
        return self.windows.failed(error)

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

    def isolate(self, key: sql.Composable) -> bool:
        """From now on pass by the rows that object to their removal, and name them by `key`.

        False where that is done already.
        """
        before, self.isolating, self.group = self.isolating, True, 1
        script = self.script
        self.script = Script(script.cascade, script.predicate, script.own, key)
        return not before

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
        )

    def begin_with(self, bite: Bite) -> int:
        """The roots of a batch's first group: what met a lock or a limit is tried in small."""
        return 1 if bite.skip_locked or bite.small else self.group

    @property
    def settings(self) -> sql.Composable | None:
        """What stands before a batch that deletes."""
        return self.settings_for(self.windows.lock)

    def settings_for(self, lock: sql.Composable | None) -> sql.Composable | None:
        """The same with another `lock`, or with none."""
        every = [self.windows.settings, lock, self._lock_tables() if self.isolating else None]
        wanted = [one for one in every if one]
        return sql.SQL("; ").join(wanted) if wanted else None

    def _lock_tables(self) -> sql.Composable:
        """What a DELETE locks anyhow, before it: what waits afterwards waits for a row."""
        cascade = self.script.cascade
        oids = dict.fromkeys([*cascade.members, *(link.child for link in cascade.unlinks)])
        return delete.lock_tables(cascade.relations[oid].source for oid in oids)

    def window(self, done: Done) -> "ClosureWalk":
        """The same way again, for the rows that were locked."""
        again = copy(self)
        again.windows, again.skip_always = self.windows.again(done.end), True
        again.told, again.once_more = None, False
        return again

    def advance(self, done: Done) -> float:
        """Go on behind the batch; return its blocks or rows."""
        if done.below:
            self.group = done.below.group
            self._learn(done.below)
        return self.windows.advance(done.end) or done.rows

    def _learn(self, batch: Below) -> None:
        """What a batch costs whatever it does: its first group was planned, its second was not.

        A server that is busy with others makes the one or the other longer, so the mean counts.
        """
        first, second = batch.first, batch.second
        if first is None or self.windows.seconds:  # others wait for such a batch
            return
        fixed = first / 2 if second is None else max(0.0, first - second)
        if self.fixed_ms is None:
            self.fixed_ms = fixed
        elif second is not None:
            self.fixed_ms = (3 * self.fixed_ms + fixed) / 4

    def tell(self, tally: Tally, rule: Rule, below: Below) -> None:
        """Have what a batch did beside its own rows added up."""
        now = below._replace(late=self.windows.take_late())
        if self.told is None:
            self.told = now
        elif not self.once_more:  # what stays of the same rows is seen, and counted, again
            tally.forget(rule, self.script.cascade, self.told)
            self.once_more = True
        tally.add(rule, self.script.cascade, self.script.own, now)

    def body(self, pieces: Pieces, named: sql.Composable, *, skip: bool) -> sql.Composable:
        """What is repeated: one group of roots."""
        return v.joined(
            [
                self.script.collect(pieces.list, skip=skip),
                named,
                self.script.remove(isolated=self.isolating),
                self.script.advance(pieces, self.most_roots),
                self.script.extra(),
            ]
        )

    def declare(self, group: int) -> sql.Composable:
        """The variables of a batch that begins with `group` roots."""
        return self.script.declare(group, self.limit if self.final else None)
