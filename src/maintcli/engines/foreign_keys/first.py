"""The first look of two: which rows seem to be stale, found by ranges of blocks, without a lock."""

import time
from collections.abc import Sequence
from typing import NamedTuple

from psycopg import sql

from maintcli.db.catalog.tables import Part
from maintcli.engines.base import stripes
from maintcli.engines.base.pacing import Pace
from maintcli.engines.base.target import Elsewhere, Target
from maintcli.runtime.context import Context

MOST_FOUND = 5_000  # candidates that are kept before they are looked at again
MOST_SECONDS = 1.0  # of looking before a budget, or a throttle, gets its turn
_FIRST_BLOCKS = 16
_BITES = 8  # a range takes as long as a batch, which is eight bites of a Pace
_MANY_BLOCKS = 1_024  # without an index each look reads the other table: let it be worth it

# The range stands in a WITH of its own, so that no index on the age can be preferred to it. Each
# row comes with the transaction that wrote this version of it: another one is not the row we saw.
# The order is that of places. By the bare name it would be that of texts: (0,100) before (0,9).
_LOOK = sql.SQL("""WITH looked AS MATERIALIZED (
    SELECT ctid AS maint_place, xmin AS maint_version, {columns} FROM ONLY {part}
    WHERE ctid >= {low}::tid AND ctid < {high}::tid
)
(SELECT maint_place::text, maint_version::text FROM looked WHERE {predicate}
    ORDER BY looked.maint_place)
UNION ALL
SELECT NULL, (
    extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000::numeric)::text""")


class Candidate(NamedTuple):
    """A version of a row that seemed to be stale: where it is, and what wrote it."""

    place: str
    version: str

    @property
    def at(self) -> tuple[int, int]:
        """The block that it is in, and its number there."""
        block, _, number = self.place.strip("()").partition(",")
        return int(block), int(number)


class FirstLook:
    """Looks through the blocks of the part; what is added to the table later is young.

    `found` are the candidates that nobody has taken yet, in the table's order. With `among` it
    looks once more from the first of these to the last, and nowhere else.
    """

    def __init__(
        self,
        context: Context,
        target: Target,
        part: Part,
        *,
        among: Sequence[Candidate] | None = None,
    ) -> None:
        order = context.order
        self.context, self.target, self.part = context, target, part
        self._ends = (among[0].at, among[-1].at) if among else None
        first, self.blocks = 0, part.blocks if among is None else 0
        if self._ends is not None:
            first, self.blocks = self._ends[0][0], self._ends[1][0] + 1
        self.found: list[Candidate] = []
        self._mine = stripes.share(context.shard, part.oid)
        self._at, self._until = stripes.after(first, self.blocks, self._mine)
        target_ms = order.value("batch_target").approx_seconds * 1000
        self._pace = Pace(target_ms, order.value("share"), _FIRST_BLOCKS / _BITES)

    @property
    def finished(self) -> bool:
        """Whether every block was looked at."""
        return self._at >= self.blocks

    @property
    def progress(self) -> float:
        """The share of the blocks that is behind."""
        return self._at / self.blocks if self.blocks else 1.0

    def look(self) -> None:
        """Find candidates where there are none: many, or as many as can be found in a second."""
        if self.found:
            return
        until = time.monotonic() + MOST_SECONDS
        while not self.finished and len(self.found) < MOST_FOUND and time.monotonic() < until:
            self._range()

    def _range(self) -> None:
        low, high = self._at, min(self._at + self._size, self._until)
        began = time.perf_counter()
        *rows, (_, server_ms) = self.context.session.read_composed(self._query(low, high))
        wall_ms = (time.perf_counter() - began) * 1000
        found = [Candidate(place, version) for place, version in rows]
        self.found += [one for one in found if self._is_meant(one)]
        self._at, self._until = stripes.after(high, self.blocks, self._mine)
        rest = self._pace.learn(high - low, float(server_ms), wall_ms)
        if not self.finished:
            self.context.stop.wait(rest)

    def _is_meant(self, candidate: Candidate) -> bool:
        """A block at an end may hold rows of the batch beside, which sees to them itself."""
        return self._ends is None or self._ends[0] <= candidate.at <= self._ends[1]

    @property
    def _size(self) -> int:
        quick = self._elsewhere.quick
        return max(int(self._pace.bite * _BITES), 1 if quick else _MANY_BLOCKS)

    @property
    def _elsewhere(self) -> Elsewhere:
        assert self.target.elsewhere is not None  # noqa: S101  others need no second look
        return self.target.elsewhere

    def _query(self, low: int, high: int) -> sql.Composable:
        columns = dict.fromkeys(self._elsewhere.needs)
        return _LOOK.format(
            columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
            part=self.part.quoted,
            low=f"({low},0)",
            high=f"({high},0)",
            predicate=self.target.predicate,
        )
