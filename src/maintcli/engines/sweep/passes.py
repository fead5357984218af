"""Pass after pass over the tables of a sweep, until a look finds nothing stale but what must stay.

One pass is not enough: rows move meanwhile. SET NULL, a trigger or the application updates them, or
the table is rewritten (VACUUM FULL); and the application may insert rows that are old already.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import psycopg
from psycopg import sql

from maintcli.db import sqlstate
from maintcli.db.catalog import protections
from maintcli.db.catalog.tables import Part
from maintcli.engines.base import count, identity, stripes
from maintcli.engines.base.retry import patiently
from maintcli.engines.foreign_keys.tally import Kept, Rule
from maintcli.engines.sweep import result
from maintcli.engines.sweep.result import Swept
from maintcli.engines.sweep.table import SweepResources, TableSweep
from maintcli.engines.sweep.task import Task, Way, planned, reached
from maintcli.runtime.context import Context
from maintcli.words import moment

MOST_PASSES = 10
_LEAST_SECONDS = 10.0  # for a look, which else may take as long as the pass before it


# Where age alone makes a row stale, one way through the table tells all three. A condition that
# looks into other tables is planned better as a WHERE.
_ALL = sql.SQL("""SELECT {same}, count(*) FILTER (WHERE {stale}),
    count(*) FILTER (WHERE {by} IS NULL), count(*) FROM ONLY {part}""")
_STALE = sql.SQL("SELECT {same}, count(*) FROM ONLY {part} WHERE {stale}")


class Left(NamedTuple):
    """Rows of a table; None where not counted in time. With --shard `stale` is this part's."""

    stale: int | None
    nulls: int | None
    rows: int | None


@dataclass(slots=True)
class Passes:
    """The passes over `tasks`; `aside` are partitions of each that a sweep leaves alone."""

    resources: SweepResources
    tasks: list[Task]
    aside: Sequence[frozenset[int]]
    locked: dict[int, int] = field(default_factory=dict[int, int])
    left: dict[int, Left] = field(default_factory=dict[int, Left])
    seconds: dict[int, float] = field(default_factory=dict[int, float])
    removed: dict[int, int] = field(default_factory=dict[int, int])

    def due(self) -> Iterator[TableSweep]:
        """Every table, to be swept; again where a look finds more than is accounted for."""
        account, budget = self.resources.account, self.resources.budget
        log = self.resources.context.log
        every = range(len(self.tasks))
        again: Sequence[int] = every
        passes = 0
        while again:
            self.removed.clear()
            for number in again:
                if passes:
                    self._look_up(number)
                table = TableSweep(self.resources, self.tasks[number], self._rule(number))
                began, before = time.monotonic(), self._gone
                yield table
                self.locked[number] = table.left_rows
                self.seconds[number] = time.monotonic() - began
                self.removed[number] = self._gone - before
            passes += 1
            if budget.spent_on:
                self._warn_of_inserted()
                self.left.clear()
                break
            if account.came_back:
                log.warn("the server lost its last batches in a crash; sweeping once more")
                account.came_back, again = False, every
                continue
            last = dict(self.left)
            for number in every:
                look = partial(self._look, number)
                self.left[number] = patiently(self.resources.patience, look)
            again = [n for n in every if self._wants_another(n, passes, last.get(n))]
        for number in self.left:
            self._note_kept(number)

    @property
    def swept(self) -> list[Swept]:
        """What became of each table."""
        return [self._swept(number) for number in range(len(self.tasks))]

    @property
    def stale(self) -> int | None:
        """The stale rows that are left, of all tables; None where they were not counted."""
        found = [one.stale for one in self.left.values()]
        known = [rows for rows in found if rows is not None]
        return sum(known) if len(known) == len(self.tasks) else None

    @property
    def came(self) -> int:
        """The stale rows that no pass has met: they came, or moved, while the run went on."""
        return sum(map(self._unaccounted, self.left))

    def _look(self, number: int) -> Left:
        context = self.resources.context
        if self.tasks[number].target.table.kind == "partitioned table":
            self._look_up(number)
        seconds = max(_LEAST_SECONDS, self.seconds[number])
        seconds = min(seconds, context.deadline.left / 2, self.resources.budget.seconds_left)
        with sqlstate.about(self._rule(number)[1]):
            return _look(context, self.tasks[number], max(seconds, 0.1))

    def _look_up(self, number: int) -> None:
        """Have the table as it is now, with its size, its partitions, and what refers to it."""
        context, aside = self.resources.context, self.aside[number]
        target = identity.again(context, self.tasks[number].target)
        parts = tuple(part for part in target.table.parts if part.oid not in aside)
        target = target._replace(table=target.table._replace(parts=parts))
        self.tasks[number] = planned(context, target)

    def _wants_another(self, number: int, passes: int, before: Left | None) -> bool:
        if self.tasks[number].looks_into(reached(self.tasks)):
            return False  # rows that are orphans by this run were not shown, nor agreed to
        if self.resources.account.inserted[number] and self._unaccounted(number):
            return False  # a trigger puts rows back: they would go, and be counted, once more
        rule, tally = self._rule(number), self.resources.account.tally
        if sum(self.removed.values()) and tally.wants_another(rule, reached(self.tasks)):
            return True
        if not self._unaccounted(number) or passes >= MOST_PASSES:
            return False
        # A pass that knew of them and did not make them fewer will not do so the next time.
        return number not in self.removed or before is None or _fewer(self.left[number], before)

    def _note_kept(self, number: int) -> None:
        """Put rows that a pass could not remove down to the triggers and rules of their table."""
        rows = self._unaccounted(number)
        if rows and number in self.removed:
            oids, after = self.tasks[number].target.table.oids, self.removed[number] > 0
            if names := protections.keepers(self.resources.context.session, oids, after=after):
                back = self.resources.account.inserted[number] >= rows
                self.resources.account.tally.kept[self._rule(number)] = Kept(rows, names, back)

    def _warn_of_inserted(self) -> None:
        """Name the triggers that may put back what a budget is spent on, run after run."""
        for number, rows in self.resources.account.inserted.items():
            table = self.tasks[number].target.table
            names = protections.keepers(self.resources.context.session, table.oids, after=True)
            if rows and names:
                self.resources.context.log.warn(
                    f"{rows:,} rows came into {table} while maint deleted from it, because of its"
                    f" {' and '.join(names)}; if these are the same rows, nothing was removed"
                )

    def _unaccounted(self, number: int) -> int:
        found = self.left[number].stale
        staying = self.resources.account.tally.staying_of(self._rule(number))
        return max(0, found - self.locked[number] - staying) if found is not None else 0

    def _swept(self, number: int) -> Swept:
        task, context = self.tasks[number], self.resources.context
        found = self.left.get(number) or _aside(context, task)
        return Swept(
            deleted_count=0,  # known for all tables together
            locked_count=self.locked[number],
            null_count=found.nulls,
            remaining_count=found.rows,
            batches=0,
            cutoff=moment(task.target.cutoff),
            plan=task.ways,
            tables={},
            rules=[result.rule(task.target, self.resources.account.rules[number])],
        )

    def _rule(self, number: int) -> Rule:
        target = self.tasks[number].target
        rule = f" ({target.map.rule})" if target.map.rule and len(self.tasks) > 1 else ""
        return number, f"{target.table}{rule}"

    @property
    def _gone(self) -> int:
        return self.resources.account.deleted + self.resources.account.tally.removed


def _fewer(now: Left, before: Left) -> bool:
    return now.stale is not None and before.stale is not None and now.stale < before.stale


def _look(context: Context, task: Task, seconds: float) -> Left:
    """Count what is left, for at most `seconds` a part. Raises TryAgain."""
    target = task.target
    whole = target.age_alone and all(chosen.way is Way.HEAP for chosen in task.plans)
    query = _ALL if whole else _STALE
    found = [0] * (3 if whole else 1)
    try:
        for part in target.table.parts:
            for number, rows in enumerate(_part(context, task, part, query, seconds)):
                found[number] += rows
    except psycopg.errors.QueryCanceled:
        context.stop.check()
        return _aside(context, task)
    if whole:
        return Left(*found)
    return _aside(context, task)._replace(stale=found[0])


def _aside(context: Context, task: Task) -> Left:
    """The figures that are nice to have, without the stale rows."""
    return Left(None, count.nulls(context, task.target), count.remaining(context, task.target))


def _part(
    context: Context, task: Task, part: Part, query: sql.SQL, seconds: float
) -> Sequence[int]:
    target = task.target
    filled = query.format(
        same=identity.same(target, part),
        stale=stripes.within(context.shard, part.oid, target.predicate),
        by=sql.Identifier(target.by.name),
        part=part.quoted,
    )
    try:
        ((same, *rows),) = context.session.read_composed(filled, statement_seconds=seconds)
    except psycopg.errors.UndefinedTable:
        same, rows = False, []
    if same:
        return rows
    if identity.gone(context, target.table, part) is None:
        changed = identity.changed(context, target.table, part)
        raise changed or identity.error(context, part)
    return []
