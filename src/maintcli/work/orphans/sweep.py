"""The removal of orphans, pair after pair: look through the child, then look again and delete.

What holds at every instant: a row goes only while it is older than the grace age and has no
parent, in two looks, the second of which no uncommitted parent can escape.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import NamedTuple

from maintcli.config.duration import Duration
from maintcli.db.tables import Part
from maintcli.errors import Partial, StillLocked
from maintcli.runtime.context import Context
from maintcli.work.attempt import Patience, patiently, send_safely
from maintcli.work.batch import Done, Step
from maintcli.work.budget import Budget
from maintcli.work.orphans import again, check, pair, preview
from maintcli.work.orphans.look import Candidate, Look
from maintcli.work.orphans.pair import Bond
from maintcli.work.orphans.result import Orphaned
from maintcli.work.outlook import say as outlook
from maintcli.work.pace import Pace
from maintcli.work.throttle import Throttle

_PARENT_SECONDS = 2.0  # so long may a batch wait for the parent, a little at a time
_LEAST_ROWS = 16  # below that planning outweighs deleting, and would shrink bites without end
_MUCH = 5  # times the target: here the rows themselves are slow
_MOST_SENT = 1_000  # candidates in one message
_MOST_LEFT = 20_000  # candidates that are kept for a second try


def sweep(context: Context, pairs: Sequence[str], grace: Duration) -> Orphaned:
    """Delete the rows of each pair's child that have been without a parent for `grace`.

    Raises Refused before the first row, Partial at the end where rows were held on to, and what
    else errors.py has for databases.
    """
    patience, given = Patience(context), context.order.values.get("pairs")
    read = pair.parse(pairs, given.origin if given else context.job)
    bonds = [patiently(patience, partial(pair.find, context, one, grace)) for one in read]
    for bond in bonds:
        check.warn(context, bond)
    shown = preview.preview(context, bonds) if context.dry_run else None
    for bond in bonds:
        patiently(patience, partial(check.refuse, context, bond))
    return shown or Sweep(context, bonds, patience).run()


class Left(NamedTuple):
    """Candidates of which `rows` were locked by others, kept for a second try."""

    part: Part
    candidates: Sequence[Candidate]
    rows: int


class Sweep:
    """One removal in progress, over one pair after the other."""

    def __init__(self, context: Context, bonds: Sequence[Bond], patience: Patience) -> None:
        self.context = context
        self.bonds = bonds
        self.patience = patience
        self.budget = Budget(context)
        oids = [table.oid for bond in bonds for table in (bond.child.table, bond.parent.table)]
        self.throttle = Throttle(context, oids, self.budget)
        self.deleted = self.batches = self.locked = self.blocked = 0
        self.came_back = False
        self.pairs: Counter[str] = Counter()
        self.left: list[Left] = []

    def run(self) -> Orphaned:
        """Take every pair; once more when a crash of the server took batches back."""
        self._sweep_all()
        while self.came_back and not self.budget.spent_on:
            self.context.log.warn("the server lost its last batches in a crash; sweeping once more")
            self.came_back, self.locked, self.blocked = False, 0, 0
            self._sweep_all()
        return self._result()

    def _sweep_all(self) -> None:
        for bond in self.bonds:
            if not self.budget.spent_on:
                self._sweep(bond)

    def _sweep(self, bond: Bond) -> None:
        """Look through the child, then try once more what was locked."""
        self.left = []
        for part in bond.target.table.parts:
            look = Look(self.context, bond, part, self.patience)
            for found in look.candidates():
                self._look_again(bond, part, found)
                self.context.order.progress(self.deleted, look.share)
                if self.budget.spent(self.deleted):
                    break
        if not self.budget.spent_on:
            tried, self.left = self.left, []
            for part, candidates, _ in tried:
                self._look_again(bond, part, candidates)
            self.blocked += preview.count_held(self.context, bond)
        self.locked += sum(left.rows for left in self.left)

    def _look_again(self, bond: Bond, part: Part, candidates: Sequence[Candidate]) -> None:
        order = self.context.order
        pace = Pace(self.target_ms, order.value("share"), again.FIRST_ROWS)
        while candidates and not self.budget.spent(self.deleted):
            some = candidates[:_MOST_SENT]
            step = partial(self._step, bond, part, some, pace)
            try:
                done = send_safely(Patience(self.context, _PARENT_SECONDS), pace, step)
            except StillLocked:
                self._keep(Left(part, candidates, len(candidates)))
                return
            behind = min(int(done.end or len(some)), len(some))
            self._note(bond, done)
            if done.left:
                self._keep(Left(part, some[:behind], done.left))
            rest = pace.learn(behind, done.server_ms, done.wall_ms)
            if done.server_ms < _MUCH * pace.budget_ms:
                pace.bite = max(pace.bite, _LEAST_ROWS)
            candidates = candidates[behind:]
            if candidates:
                self.throttle.wait_if_needed()
                self.context.stop.wait(rest)

    @property
    def target_ms(self) -> float:
        """The server time that a batch aims at."""
        return float(self.context.order.value("batch_target").approx_seconds * 1000)

    def _step(
        self, bond: Bond, part: Part, some: Sequence[Candidate], pace: Pace, _skip_locked: object
    ) -> Step:
        made = again.step(bond, part, some, pace.bite)
        return made._replace(most=self.budget.rows_left(self.deleted))

    def _keep(self, left: Left) -> None:
        """Keep for a second try, or count alone where there are too many to keep."""
        kept = sum(len(one.candidates) for one in self.left)
        if kept + len(left.candidates) > _MOST_LEFT:
            left = left._replace(candidates=())
        self.left.append(left)

    def _note(self, bond: Bond, done: Done) -> None:
        self.batches += 1
        expected = self.deleted + done.rows
        self.deleted = done.total if self.context.lease else expected
        self.came_back |= self.deleted < expected  # batches that were not yet on disk
        self.pairs[str(bond)] += done.rows + self.deleted - expected
        # Known from now on, however the run ends.
        self.context.counts |= {"deleted_count": self.deleted, "batches": self.batches}

    def _result(self) -> Orphaned:
        context, targets = self.context, [bond.target for bond in self.bonds]
        tables: Counter[str] = Counter()
        for bond in self.bonds:
            tables[str(bond.child.table)] += self.pairs[str(bond)]
        if self.locked:
            context.log.warn(
                f"{self.locked:,} orphans are locked by others, or their parent's"
                " table is; the next run takes them"
            )
        context.backlog = self.locked
        if self.budget.spent_on:
            outlook.say(context, targets, f"{self.budget.spent_on} is spent")
        found = Orphaned(
            deleted_count=self.deleted,
            locked_count=self.locked,
            blocked_count=self.blocked,
            batches=self.batches,
            cutoff=preview.earliest(self.bonds),
            tables=dict(tables),
            pairs={str(bond): self.pairs[str(bond)] for bond in self.bonds},
        )
        if self.blocked:
            context.counts |= asdict(found)
            raise Partial(reason=_blocked(self.blocked, self.bonds))
        return found


def _blocked(rows: int, bonds: Sequence[Bond]) -> str:
    holders = dict.fromkeys(key.child for bond in bonds for key in bond.holders)
    return (
        f"{rows:,} orphans stay, because rows of {', '.join(holders)} hold on to them by a foreign"
        " key that forbids to delete them; delete those rows, or let the key cascade."
    )
