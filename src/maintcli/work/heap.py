"""The heap plan: block ranges of the table, found by TID range scans (PostgreSQL 14)."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from maintcli.work.batch import Done, Step, delete
from maintcli.work.window import Window

FIRST_BLOCKS = 16

# The TID range scan has to be forced: with stale statistics and an index PostgreSQL walks the
# index and filters by ctid, 180,000 entries for a batch of some thousand rows.
_FORCED = sql.SQL("""SET LOCAL enable_indexscan = off;
SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_seqscan = off""")


@dataclass(slots=True)
class HeapWalk:
    """Walks the blocks that a part had at the start; what is added later is fresh."""

    part: sql.Composable
    predicate: sql.Composable
    blocks: int
    at: int = 0
    first_size: float = FIRST_BLOCKS

    @property
    def finished(self) -> bool:
        """Whether every block was visited."""
        return self.at >= self.blocks

    @property
    def progress(self) -> float | None:
        """The share of the way that is behind, from 0 to 1."""
        return self.at / self.blocks if self.blocks else 1.0

    def step(self, size: float, *, skip_locked: bool, show: Sequence[str], most_shown: int) -> Step:
        """The next batch of `size` blocks."""
        body = delete(
            self.part,
            self.window(size).condition,
            self.predicate,
            skip_locked=skip_locked,
            show=show,
            most_shown=most_shown,
        )
        return Step(body, _FORCED)

    def window(self, size: float, _done: Done | None = None) -> Window:
        """The rows that a batch of `size` looks at."""
        end = min(self.at + int(size), self.blocks)
        condition = sql.SQL("ctid >= {}::tid AND ctid < {}::tid").format(
            f"({self.at},0)", f"({end},0)"
        )
        return Window(self.part, self.predicate, condition, _FORCED)

    def advance(self, size: float, _done: Done) -> float:
        """Go on behind the batch; return the blocks it really had."""
        units = min(self.blocks - self.at, int(size))
        self.at += units
        return units
