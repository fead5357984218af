"""The heap plan: block ranges of the table, found by TID range scans (PostgreSQL 14)."""

from functools import partial
from typing import TYPE_CHECKING

from psycopg import sql

from maintcli.db.tables import Part
from maintcli.engines.base import stripes
from maintcli.engines.base.batch import Done, Step
from maintcli.engines.base.delete import Bite, delete
from maintcli.engines.sweep.window import Plain, Window
from maintcli.runtime.shard import Shard

if TYPE_CHECKING:
    from maintcli.engines.foreign_keys.blocks import Blocks

FIRST_BLOCKS = 16

# With its predicate sealed, the rest of a table's scans is a scan of all of it, and dearer.
SETTINGS = sql.SQL("SET LOCAL enable_tidscan = on")

_DECLARE = sql.SQL("maint_at bigint := {at}; maint_from tid; maint_to tid;")

_WINDOW = sql.SQL("ctid >= maint_from AND ctid < maint_to")

_BITE = sql.SQL("""maint_from := pg_catalog.format('(%s,0)', maint_at)::tid;
maint_at := least(maint_at + {bite}, {blocks});
maint_to := pg_catalog.format('(%s,0)', maint_at)::tid;
{delete}
maint_end := maint_at::text;
maint_stop := maint_at >= {blocks};""")


class HeapWalk(Plain):
    """Walks the blocks that a part had at the start; what is added later is fresh."""

    first_bite = FIRST_BLOCKS

    def __init__(
        self,
        part: Part,
        predicate: sql.Composable,
        blocks: int,
        shard: Shard | None = None,
    ) -> None:
        self.part, self.oid = part.quoted, part.oid
        self.predicate = predicate
        self.blocks = blocks
        self.shard = shard
        self.at, self.until = stripes.after(0, blocks, shard)

    @property
    def finished(self) -> bool:
        """Whether every block was visited."""
        return self.at >= self.blocks

    @property
    def progress(self) -> float | None:
        """The share of the way that is behind, from 0 to 1."""
        return self.at / self.blocks if self.blocks else 1.0

    def step(self, bite: Bite) -> Step:
        """The next batch, in bites of so many blocks."""
        body = delete(self.part, _WINDOW, self.predicate, bite)
        bites = _BITE.format(bite=int(bite.size), blocks=self.until, delete=body)
        return self.made(bite, bites, SETTINGS, _DECLARE.format(at=self.at))

    def window(self, done: Done) -> Window:
        """The rows that the batch `done` looked at."""
        condition = sql.SQL("ctid >= {}::tid AND ctid < {}::tid").format(
            f"({self.at},0)", f"({done.end},0)"
        )
        close = partial(self._windows, self.at, int(done.end or self.until), None)
        return Window(self, condition, SETTINGS, close)

    def windows(self) -> "Blocks":
        """What is ahead."""
        return self._windows(self.at, self.blocks, self.shard)

    def _windows(self, first: int, blocks: int, shard: Shard | None) -> "Blocks":
        from maintcli.engines.foreign_keys.blocks import (
            Blocks,  # only where rows object, or are slow
        )

        return Blocks(self.part, self.predicate, blocks, shard, first)

    def advance(self, done: Done) -> float:
        """Go on behind the batch; return its blocks."""
        before, end = self.at, int(done.end or self.until)
        self.at, self.until = stripes.after(end, self.blocks, self.shard)
        return end - before
