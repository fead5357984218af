"""What a run has done so far, batch by batch."""

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from maintcli.engines.base.batch import Done
from maintcli.engines.foreign_keys.tally import Rule, Tally
from maintcli.runtime.context import Context

if TYPE_CHECKING:
    from maintcli.engines.sweep.walks import Again

MOST_SHOWN = 20


@dataclass(slots=True)
class Account:
    """The figures of a run over all its tables; `named` rows were shown by their columns.
    `objections` are the rows that could not go, as they were logged.

    `inserted` are rows that triggers put into the table that a rule sweeps.
    `came_back`: a crash of the server took batches back that were said to be done.
    """

    context: Context
    deleted: int = 0
    batches: int = 0
    named: int = 0
    tables: Counter[str] = field(default_factory=Counter[str])
    rules: Counter[int] = field(default_factory=Counter[int])
    inserted: Counter[int] = field(default_factory=Counter[int])
    tally: Tally = field(default_factory=Tally)
    came_back: bool = False
    objections: set[str] = field(default_factory=set[str])

    @property
    def most_shown(self) -> int:
        """How many rows the next batch may still show."""
        return MOST_SHOWN - self.named

    def enter(self, number: int, table: str, done: Done) -> None:
        """Add a batch of `table`, which the rule `number` sweeps."""
        self.batches += 1
        expected = self.deleted + done.rows
        self.deleted = done.total if self.context.lease else expected
        self.came_back |= self.deleted < expected  # batches that were not yet on disk
        rows = done.rows + self.deleted - expected
        self.tables[table] += rows
        self.rules[number] += rows
        self.inserted[number] += done.inserted
        # Known from now on, however the run ends.
        self.context.counts |= {"deleted_count": self.deleted, "batches": self.batches}
        for row in done.shown:
            self.context.log.info("removed " + " ".join(row))
        self.named += len(done.shown)

    def enter_below(self, rule: Rule, done: Done, window: "Again") -> None:
        """Add what the batch did beside the rows of its table; `window` knows how to read that."""
        if done.below is not None:
            window.tell(self.tally, rule, done.below)
            self._warn(rule)
            self.context.counts |= self.tally.figures

    def _warn(self, rule: Rule) -> None:
        """Name the rows that cannot go, each once."""
        for line in self.tally.objections.get(rule, ()):
            if line not in self.objections and len(self.objections) < MOST_SHOWN:
                self.objections.add(line)
                self.context.log.warn(f"{rule[1]} keeps a stale row, {line}")
