"""The sweep: remove every row that a predicate calls stale, in small batches that rest between.

What holds at every instant: a row is deleted only while the predicate is true of its newest
version; batch, ledger and fence are one transaction; a kill loses at most the batch in flight.
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from maintcli.db import sqlstate
from maintcli.engines.base import approval, forecast, guard
from maintcli.engines.base.guard import Expected, Loss
from maintcli.engines.base.pacing import Budget
from maintcli.engines.base.retry import Patience, locked_rows, patiently
from maintcli.engines.base.stale import Stale
from maintcli.engines.base.target import log_changes
from maintcli.engines.base.throttle import Throttle
from maintcli.engines.foreign_keys.graph import CUTS
from maintcli.engines.partitions import choose, drop
from maintcli.engines.sweep import preview, result, space
from maintcli.engines.sweep.account import Account
from maintcli.engines.sweep.passes import Passes
from maintcli.engines.sweep.result import Swept
from maintcli.engines.sweep.table import SweepResources
from maintcli.engines.sweep.task import Task, children_first, prepare, reached
from maintcli.errors import Partial, Skip, ThrottledOut
from maintcli.runtime.context import Context

if TYPE_CHECKING:
    from maintcli.engines.archive.archive import Archive


def sweep_tables(context: Context, stales: Sequence[Stale]) -> Swept:
    """Delete the rows that `stales` describe, table after table, once no guard has objected.

    Raises Refused, DeadlinePassed, StillLocked, and what else errors.py has for databases.
    """
    return carry_out(context, [partial(prepare, context, stale) for stale in stales])


def carry_out(context: Context, looks: Sequence[Callable[[], Task | None]]) -> Swept:
    """The same for tables that are looked at, and planned, in ways of their own."""
    patience = Patience(context)
    tasks = children_first(_look(patience, looks))
    swept = preview.preview(context, tasks) if context.dry_run else None
    targets = [task.target for task in tasks]
    with approval.planning(context, targets, _shown(swept) if swept else None):
        patiently(patience, partial(_ask, context, tasks))
    with _keeping(context, tasks) as archive:
        if swept is not None:
            return swept
        budget = Budget(context)
        oids = reached(tasks) | {oid for task in tasks for oid in task.oids}
        throttle = Throttle(context, sorted(oids), budget)
        account = Account(context)
        resources = SweepResources(context, patience, budget, throttle, archive, account)
        unlinked = partial(_unlinked, tasks, account)
        with (
            log_changes(context.log, _rows(tasks), partial(_counts, tasks, account)),
            log_changes(context.log, _links(tasks), unlinked, "update"),
        ):
            return Sweep(resources, tasks).run()


@contextmanager
def _keeping(context: Context, tasks: Sequence[Task]) -> Generator["Archive | None"]:
    """The archive that --archive asks for; its manifest is complete where the sweep got through."""
    if context.order.value("archive") is None:
        yield None
        return
    from maintcli.engines.archive.archive import open_archive

    archive, complete = open_archive(context, [task.target.table.oid for task in tasks]), False
    try:
        yield archive
        complete = True
    except Partial:
        complete = True
        raise
    finally:
        if archive is not None:
            archive.close(complete=complete)


def _rows(tasks: Sequence[Task]) -> Iterator[str]:
    """What is deleted: the stale rows, and those that go with them."""
    for task in tasks:
        yield f"rows of {task.target.old(with_rule=len(tasks) > 1)}"
        yield from (f"rows of {child} that refer to them" for child in _cascades(task))


def _counts(tasks: Sequence[Task], account: Account) -> dict[str, int]:
    below = {child: 0 for task in tasks for child in _cascades(task)}
    below |= account.tally.cascaded
    if len(tasks) > 1 and all(task.target.map.rule for task in tasks):
        rules = {task.target.old(with_rule=True): account.rules[n] for n, task in enumerate(tasks)}
        return rules | below
    own = {str(task.target.table): 0 for task in tasks} | below
    return own | dict(account.tables + account.tally.cascaded)


def _links(tasks: Sequence[Task]) -> Iterator[str]:
    """Rows that stay, and lose what they refer to."""
    for task in tasks:
        yield from (f"rows of {child} that refer to them" for child in _unlinks(task))


def _unlinked(tasks: Sequence[Task], account: Account) -> dict[str, int]:
    named = {child: 0 for task in tasks for child in _unlinks(task)}
    return named | dict(account.tally.unlinked)


def _unlinks(task: Task) -> list[str]:
    links = task.links.links if task.links else ()
    return [link.key.child for link in links if link.key.action in CUTS]


def _cascades(task: Task) -> list[str]:
    if task.links is None:
        return []
    links = (link for link in task.links.links if link.key.action == "CASCADE")
    return [task.links.relations[link.child].top for link in links]


def _look(patience: Patience, looks: Sequence[Callable[[], Task | None]]) -> list[Task]:
    """The tables that are there. Raises Skip where none is, and nobody has asked for them."""
    found: list[Task | None] = []
    passed: list[Callable[[], Task | None]] = []
    for look in looks:
        try:
            found.append(patiently(patience, look))
        except Skip:
            passed.append(look)
    # Beside a table that is there, one that is not is an error.
    found += [patiently(patience, look) for look in passed]
    return [task for task in found if task is not None]


def _ask(context: Context, tasks: Sequence[Task]) -> None:
    """Raise Refused unless a plan that still holds lets this through, or every guard."""
    lost, now = partial(_losses, context, tasks), partial(_now, context, tasks)
    approval.check(context, [task.target for task in tasks], lost, now)


def _shown(swept: Swept) -> Expected:
    """What a dry run counted."""
    known = all(one["rows"] is not None for one in swept.cascades)
    return Expected(swept.tables, known and swept.deleted_count is not None)


def _now(context: Context, tasks: Sequence[Task]) -> Expected:
    """What a dry run would count at this moment."""
    from maintcli.engines.foreign_keys import guard as below

    targets = [task.target for task in tasks]
    left_over = choose.leftovers(context, targets)
    own = [
        partial(choose.own, context, target, some)
        for target, some in zip(targets, left_over, strict=True)
    ]
    return below.expected(context, [task.root for task in tasks], own)


def _losses(context: Context, tasks: Sequence[Task]) -> list[Loss]:
    """What a sweep deletes, with what goes along foreign keys: each row once."""
    targets = [task.target for task in tasks]
    left_over = choose.leftovers(context, targets)
    more: list[Loss] = []
    for target, some in zip(targets, left_over, strict=True):
        going = [partial(choose.rows_in, context, relation) for relation in some]
        more += [Loss(str(target.table), "", going, None, 0)] if going else []
    if any(task.links is not None for task in tasks):
        from maintcli.engines.foreign_keys import guard as below

        more += below.losses(context, [task.root for task in tasks])
    return guard.together(guard.losses(context, targets), more)


@dataclass(slots=True)
class Sweep:
    """One sweep in progress, over one table after the other; `prepared` are they as they were."""

    resources: SweepResources
    tasks: Sequence[Task]
    prepared: list[Task] = field(default_factory=list[Task])
    aside: list[frozenset[int]] = field(default_factory=list[frozenset[int]])
    dropped: Counter[str] = field(default_factory=Counter[str])
    held_rows: int = 0
    throttled_out: ThrottledOut | None = None

    def run(self) -> Swept:
        """Sweep every table; once more when a crash of the server took batches back."""
        try:
            self._drop_partitions()
            passes = Passes(self.resources, list(self.tasks), self.aside)
            for table in passes.due():
                with sqlstate.about(table.rule[1]):
                    table.run()
            found = self._result(passes)
        except ThrottledOut:
            self._leave("throttled out")
            raise
        if (why := self.resources.account.tally.why_blocked()) is not None:
            self.resources.context.counts |= asdict(found)
            raise Partial(why, statements=self.resources.account.tally.statements)
        return found

    def _drop_partitions(self) -> None:
        """Drop what can go as a whole; the tasks are then what is left to sweep."""
        context, account = self.resources.context, self.resources.account
        for number, task in enumerate(self.tasks):
            note = partial(account.enter, number, str(task.target.table))
            found = drop.drop(context, task.target, note, self._may_go_on)
            before = task.without(found.others)
            left = before.without(found.mine)
            self.tasks = [*self.tasks[:number], left, *self.tasks[number + 1 :]]
            self.prepared.append(before)
            self.aside.append(_oids(task) - _oids(left))
            self.held_rows += found.held_rows
            if self.throttled_out is not None:
                raise self.throttled_out
        self.dropped = account.tables.copy()

    def _may_go_on(self) -> bool:
        try:
            self.resources.throttle.wait_if_needed()
        except ThrottledOut as error:
            self.throttled_out = error
            return False
        return not self.resources.budget.spent(self.resources.account.deleted)

    def _result(self, passes: Passes) -> Swept:
        context, account = self.resources.context, self.resources.account
        budget, throttle = self.resources.budget, self.resources.throttle
        log, swept = context.log, passes.swept
        whole = result.total(swept)
        if (held := self.held_rows) and whole.remaining_count is not None:
            whole = replace(whole, remaining_count=whole.remaining_count + held)
        whole = replace(whole, locked_count=whole.locked_count + held)
        if account.deleted > account.named > 0:
            log.info(f"and {account.deleted - account.named:,} more")
        if whole.locked_count:
            log.warn(locked_rows(whole.locked_count))
        context.backlog = passes.stale + held if passes.stale is not None else None
        if passes.came:
            log.warn(f"{passes.came:,} stale rows came while the run went on; the next takes them")
        if budget.spent_on:
            self._leave(f"{budget.spent_on} is spent")
        tables = space.tables(
            self.prepared, swept, account.tables - self.dropped, account.tally.cascaded
        )
        made, gone = space.freed(context, tables if account.deleted else ())
        return replace(
            whole,
            deleted_count=account.deleted,
            batches=account.batches,
            tables=dict(account.tables + account.tally.cascaded),
            **account.tally.figures,
            bytes_reusable=made,
            bytes_returned=gone,
            throttled_ms=throttle.total_ms,
            throttled_by=dict(throttle.paused_ms),
        )

    def _leave(self, why: str) -> None:
        forecast.say(self.resources.context, [task.target for task in self.tasks], why)


def _oids(task: Task) -> frozenset[int]:
    return frozenset(part.oid for part in task.target.table.parts)
