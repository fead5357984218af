"""The erasure, user by user: batches under the user's lock, then a last look, stamp, certificate.

What holds at every instant: a row goes only while its user, locked by the same transaction, has
opted out; the certificate counts exactly the rows that went; the stamp comes with the look that
finds nothing left, so that the next run continues a killed one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import partial

import psycopg

from maintcli.config.duration import Duration
from maintcli.engines.base import approval, count
from maintcli.engines.base.batch import Done, Step, Terms
from maintcli.engines.base.pacing import Budget, Pace
from maintcli.engines.base.retry import Patience, Trial, locked_rows, patiently, send_safely
from maintcli.engines.base.target import log_changes
from maintcli.engines.base.throttle import Throttle
from maintcli.engines.erase import holding, preview, users
from maintcli.engines.erase.batch import Eraser
from maintcli.engines.erase.counters import Counters, Erased
from maintcli.engines.erase.holding import Holding
from maintcli.engines.erase.users import User, Users
from maintcli.errors import Partial, Refused, Usage
from maintcli.runtime.context import Context
from maintcli.words import moment

_FIRST_ROWS = 64
_LEAST_ROWS = 16  # below that planning outweighs deleting, and would shrink bites without end
_MUCH = 5  # times the target: here the rows themselves are slow
_MOST_LOCKED = 1_000  # users who are kept for a second try


def erase_users(context: Context, tables: Sequence[str], opted_out_for: Duration) -> Erased:
    """Erase what `tables` hold of users who opted out that long ago.

    Raises Refused before the first row, Partial at the end where rows of other tables held on to
    a user's, and what else errors.py has for databases.
    """
    _refuse_a_copy(context)
    patience, given = Patience(context), context.order.values.get("tables")
    origin = given.origin if given else context.job
    whose = patiently(patience, partial(users.find, context, opted_out_for))
    held = patiently(patience, partial(holding.find, context, tables, origin, whose))
    whose = whose.unless_empty(holding.any_of(held, whose))
    for statement in dict.fromkeys(one.missing_index for one in held):
        if statement:
            context.log.warn(
                f"an index is missing, so all rows are read for each user: {statement}"
            )
    shown = preview.preview(context, whose, held) if context.dry_run else None
    patiently(patience, partial(_ask, context, whose, held))
    if shown is None and context.lease is None:
        context.log.warn("without a ledger no certificate is written of what is erased")
    if shown is not None:
        return shown
    erasure = Erasure(Eraser(context, whose, held), patience)
    stamped = f"rows of {whose.target.table} who are erased"
    with (
        log_changes(context.log, _rows(held), partial(_counts, held, erasure.counters)),
        log_changes(context.log, [stamped], partial(_stamped, whose, erasure.counters), "update"),
    ):
        return erasure.run()


def _rows(held: Sequence[Holding]) -> Iterator[str]:
    return (f"rows of {one.table} that belong to users who opted out" for one in held)


def _counts(held: Sequence[Holding], counters: Counters) -> dict[str, int]:
    return {str(one.table): counters.tables[str(one.table)] for one in held}


def _stamped(whose: Users, counters: Counters) -> dict[str, int]:
    return {str(whose.target.table): counters.ends["erased"]}


def _refuse_a_copy(context: Context) -> None:
    setting = context.order.values.get("archive")
    if setting is not None and setting.value:
        reason = (
            f"{setting.origin} would keep a copy of what has to be erased. Leave it out: what this"
            " job removes cannot be put back."
        )
        raise Usage(reason)


def _ask(context: Context, whose: Users, held: Sequence[Holding]) -> None:
    """Raise Refused unless a plan that is still valid allows this, or every guard does."""
    rows = preview.roots(context, whose, held)
    users, beside = [whose.target], [root.target for root in rows]
    lost, now = (
        partial(preview.losses, context, whose, rows),
        partial(preview.now, context, whose, rows),
    )
    planned = context.dry_run and context.order.value("plan") is not None
    try:
        with approval.planning(context, [*users, *beside], now() if planned else None):
            approval.check(context, users, lost, now, beside)
    except Refused as refused:
        raise Refused(f"users who opted out: {refused}") from None


class Erasure:
    """One erasure in progress, of one user after the other."""

    def __init__(self, eraser: Eraser, patience: Patience) -> None:
        self.eraser = eraser
        self.context = context = eraser.context
        self.patience = patience
        self.budget = Budget(context)
        oids = {part.oid for one in eraser.holdings for part in one.table.parts}
        self.throttle = Throttle(context, [*oids, eraser.users.target.table.oid], self.budget)
        target_ms = context.order.value("batch_target").approx_seconds * 1000
        self.pace = Pace(target_ms, context.order.value("share"), _FIRST_ROWS)
        self.counters = Counters(context, moment(eraser.users.target.cutoff))
        self.locked: list[User] = []

    def run(self) -> Erased:
        """Erase every user who is due, then try once more those who were locked."""
        self._erase_all(self.eraser.users.all(self.context))
        again, self.locked = self.locked, []
        self._erase_all(again, once_more=True)
        return self._result()

    def _erase_all(self, some: Iterable[User], *, once_more: bool = False) -> None:
        for user in some:
            if self.budget.spent(self.counters.deleted):
                return
            end = self._erase(user)
            if once_more:
                self.counters.ends["locked"] -= 1
            self.counters.user(user, end)
            if end == "locked" and len(self.locked) < _MOST_LOCKED:
                self.locked.append(user)
            self.context.counts |= asdict(self.counters.figures)
            self.throttle.wait_if_needed()

    def _erase(self, user: User) -> str:
        """Erase one user; return how it ended: erased, kept, locked, blocked, or (budget) due."""
        at, before = 0, self.counters.deleted
        while True:
            try:
                done = send_safely(self.patience, self.pace, partial(self._step, user, at))
            except (psycopg.errors.IntegrityError, psycopg.errors.RaiseException) as error:
                self.counters.objection(error)
                return "blocked"
            at, state = self.counters.batch(user, done)
            # Known from now on, however the run ends.
            self.context.counts |= asdict(self.counters.figures)
            self._rest(done, state)
            if state == "left" and self.counters.deleted > before:
                at, before = 0, self.counters.deleted  # rows that came meanwhile, or were held
            elif state == "left":
                return self._why_left(user)
            elif state != "due" or self.budget.spent(self.counters.deleted):
                return state

    def _step(self, user: User, at: int, trial: Trial) -> Step:
        step = self.eraser.step(user, at, self.pace.bite, skip_locked=trial.skip_locked)
        return step._replace(terms=Terms(most=self.budget.rows_left(self.counters.deleted)))

    def _rest(self, done: Done, state: str) -> None:
        bite = self.pace.bite
        rest = self.pace.learn(max(done.rows, 1), done.server_ms, done.wall_ms)
        if state != "due":
            self.pace.bite = bite  # the few rows at a user's end say nothing of the next one's many
        elif done.server_ms < _MUCH * self.pace.budget_ms:
            self.pace.bite = max(self.pace.bite, _LEAST_ROWS)
        self.context.stop.wait(rest)

    def _why_left(self, user: User) -> str:
        """Why rows are left: they are locked, or other rows refer to them."""
        whose = self.eraser.users.one(user.key)
        found = preview.blocked_by(self.context, self.eraser.holdings, whose)
        self.counters.blockers |= dict.fromkeys(found)
        return "blocked" if found else "locked"

    def _result(self) -> Erased:
        context, found = self.context, self.counters.figures
        context.counts |= asdict(found)
        context.backlog = found.locked_count + found.blocked_count
        if found.locked_count:
            context.log.warn(locked_rows(found.locked_count, "user"))
        if self.budget.spent_on:
            context.backlog = count.stale(context, self.eraser.users.target)
            context.log.info(f"{self.budget.spent_on} is spent; {context.backlog:,} users are left")
        if found.blocked_count:
            raise Partial(
                f"{found.blocked_count:,} users are left unstamped, because"
                f" {self.counters.objectors} will not let rows of theirs go. List a table that"
                " refers to them, or let its foreign key cascade."
            )
        return found
