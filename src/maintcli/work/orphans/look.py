"""The first look: which rows seem to be orphans, found window by window and without a lock."""

import time
from collections.abc import Generator
from functools import partial
from typing import NamedTuple

from psycopg import sql

from maintcli.db.tables import Part
from maintcli.runtime.context import Context
from maintcli.runtime.session import Row
from maintcli.work.attempt import Patience, patiently
from maintcli.work.orphans.pair import Bond
from maintcli.work.pace import Pace

MOST_FOUND = 5_000  # candidates that are kept before they are looked at again
_FIRST_BLOCKS = 16
_BITES = 8  # a window takes as long as a batch, which is eight bites of a Pace
_LEAST_BLOCKS = 1
_MANY = 1_024  # without an index, each window reads the parent's whole table: let it be worth it

# The window stands in a WITH of its own, so that no index on the age can be preferred to it. Each
# row comes with the transaction that wrote this version of it: another one is not the row we saw.
_LOOK = sql.SQL("""WITH looked AS MATERIALIZED (
    SELECT ctid AS maint_place, xmin AS maint_version, {columns} FROM ONLY {part}
    WHERE ctid >= {low}::tid AND ctid < {high}::tid
)
SELECT maint_place::text, maint_version::text FROM looked WHERE {predicate}
UNION ALL
SELECT NULL, (extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000)::text""")


class Candidate(NamedTuple):
    """A version of a row that seemed to be an orphan: where it is, and what wrote it."""

    place: str
    version: str


class Look:
    """Looks through the blocks that a part had at the start; what is added later is young."""

    def __init__(self, context: Context, bond: Bond, part: Part, patience: Patience) -> None:
        order = context.order
        self.context = context
        self.bond = bond
        self.part = part
        self.patience = patience
        target_ms = order.value("batch_target").approx_seconds * 1000
        self._pace = Pace(target_ms, order.value("share"), _FIRST_BLOCKS / _BITES)
        self._at = 0

    @property
    def share(self) -> float:
        """How much of the part is behind, from 0 to 1."""
        return self._at / self.part.blocks if self.part.blocks else 1.0

    def candidates(self) -> Generator[list[Candidate]]:
        """Yield candidates by the thousands; by then the whole of their window was looked at."""
        found: list[Candidate] = []
        while self._at < self.part.blocks:
            found += self._window()
            if len(found) >= MOST_FOUND or (found and self._at >= self.part.blocks):
                yield found
                found = []

    def _window(self) -> list[Candidate]:
        low, high = self._at, min(self._at + self._blocks, self.part.blocks)
        began = time.perf_counter()
        *rows, (_, server_ms) = patiently(self.patience, partial(self._read, low, high))
        wall_ms = (time.perf_counter() - began) * 1000
        self._at = high
        rest = self._pace.learn(high - low, float(server_ms), wall_ms)
        if high < self.part.blocks:
            self.context.stop.wait(rest)
        return [Candidate(place, version) for place, version in rows]

    @property
    def _blocks(self) -> int:
        return max(int(self._pace.bite * _BITES), _LEAST_BLOCKS if self.bond.is_quick else _MANY)

    def _read(self, low: int, high: int) -> list[Row]:
        return self.context.session.read_composed(self._query(low, high))

    def _query(self, low: int, high: int) -> sql.Composable:
        target = self.bond.target
        names = dict.fromkeys([target.by.name, self.bond.child.column.name])
        return _LOOK.format(
            columns=sql.SQL(", ").join(map(sql.Identifier, names)),
            part=self.part.quoted,
            low=f"({low},0)",
            high=f"({high},0)",
            predicate=target.predicate,
        )
