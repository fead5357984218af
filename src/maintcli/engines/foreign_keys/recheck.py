"""Windows of rows that a first look found, looked at again while nobody writes elsewhere.

What a predicate looks up in another table is not looked up again by a DELETE that had to wait. So
the other table is locked for the batch, and only for one that has something to delete: the way to
the candidates is found before, by ranges of blocks, without a lock.
"""

import json
import time
from collections.abc import Sequence
from typing import NamedTuple

import psycopg
from psycopg import sql

from maintcli.db import sqlstate
from maintcli.db.catalog.tables import Part
from maintcli.engines.base import stripes
from maintcli.engines.base.pacing import Pace
from maintcli.engines.base.target import Elsewhere, Target
from maintcli.engines.foreign_keys.graph import Cascade
from maintcli.engines.windows.window import Listing, Pieces
from maintcli.runtime.context import Context
from maintcli.runtime.session import LOCK_TIMEOUT_MS

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


SECONDS = 2.0  # so long may a batch keep the application from writing to the other table
_LOCK_MS = 100  # while we wait in the queue of a table, all who write to it wait behind us
_MOST_BUSY = 10  # such waits for one batch
_MOST_SENT = 1_000  # candidates in one message
_FEWER = 4  # times as few after one that took too long
_MOST_OTHERS = 3  # times in a row that rows may go otherwise than they were gathered
_ENDLESS = 2**31 - 1
_TOO_LONG = (sqlstate.LOCK_NOT_AVAILABLE, sqlstate.QUERY_CANCELED)

# The swept table comes first: who waits for it must not hold the other one meanwhile.
_LOCK = sql.SQL("""SET LOCAL lock_timeout = {short};
LOCK TABLE {part} IN ROW EXCLUSIVE MODE;
LOCK TABLE {elsewhere} IN {mode} MODE;
SET LOCAL lock_timeout = {usual}""")

_DECLARE = sql.SQL("""maint_at tid := '(0,0)'; maint_found tid[] := {places}::text[]::tid[];
maint_seen jsonb := {versions};""")

# Another version of the row is not the one that was seen.
_PREDICATE = sql.SQL("{predicate}\nAND maint_seen ->> ctid::text = xmin::text")

_LIST = sql.SQL("""IF maint_w IS NULL THEN
    maint_w := maint_found;
    maint_i := 1;
    maint_left := {left};
END IF;""")


class Seen(Listing):
    """Windows of the candidates of a first look."""

    first_bite = 1.0
    settings = sql.SQL("SET LOCAL enable_seqscan = off")
    seconds = SECONDS
    skips_locked = True  # who holds a row may want to write to the other table

    def __init__(self, first: FirstLook, cascade: Cascade) -> None:
        self.first, self.cascade = first, cascade
        self.predicate = _PREDICATE.format(predicate=first.target.predicate)
        self._late = self._busy = self._others = 0
        self._sent, self._doubtful = _MOST_SENT, 0

    @property
    def progress(self) -> float | None:
        """The share of the blocks that was looked at."""
        return self.first.progress

    @property
    def finished(self) -> bool:
        """Whether every candidate was met."""
        return self.first.finished and not self.first.found

    @property
    def lock(self) -> sql.Composable | None:
        """What keeps the other table as it is; nothing where there is nothing to delete."""
        elsewhere = self.first.target.elsewhere
        if elsewhere is None or not self.first.found or self._gives_up:
            return None
        # Where the cascade changes that table too, two parts of a whole would wait for each other.
        inside = {part.oid for part in elsewhere.table.parts} & set(self.cascade.relations)
        return _LOCK.format(
            short=_LOCK_MS,
            part=self.first.part.quoted,
            elsewhere=elsewhere.table.quoted,
            mode=sql.SQL("SHARE ROW EXCLUSIVE" if inside else "SHARE"),
            usual=LOCK_TIMEOUT_MS,
        )

    def look(self) -> None:
        """Have candidates, where there are any."""
        self.first.look()

    def pieces(self, bite: float) -> Pieces:
        """The PL/pgSQL, for the next candidates; a list is all of its window."""
        del bite
        some, left = self.first.found[: self._sent], 0
        if self._gives_up:
            some, left = [], len(self.first.found)
        versions = {candidate.place: candidate.version for candidate in some}
        return Pieces(
            _DECLARE.format(places=list(versions), versions=json.dumps(versions)),
            _LIST.format(left=left),
            sql.SQL("maint_at := NULL;"),
            sql.SQL("maint_end := maint_at::text; maint_stop := maint_at IS NULL;"),
            _ENDLESS,
        )

    def again(self, end: str | None) -> "Seen":
        """Both looks once more, at what the batch that ended at `end` has passed."""
        look, passed = self.first, self.first.found[: self._behind(end)]
        once_more = FirstLook(look.context, look.target, look.part, among=passed)
        again = Seen(once_more, self.cascade)
        again._late, self._late = self._late, 0  # whoever tells of the batch tells of them
        return again

    def advance(self, end: str | None) -> float:
        """Go on behind the candidate at `end`."""
        behind = self._behind(end)
        del self.first.found[:behind]
        self._busy = self._others = 0
        self._doubtful = max(0, self._doubtful - behind)
        if not self._doubtful:
            self._sent = _MOST_SENT
        return 0.0

    def failed(self, error: psycopg.Error) -> bool:
        """After a while leave the candidates, or find, and leave, the one that takes too long."""
        some = min(self._sent, len(self.first.found))
        if not some or self._gives_up or error.sqlstate not in _TOO_LONG:
            return False
        if error.sqlstate == sqlstate.LOCK_NOT_AVAILABLE and not error.diag.context:
            self._busy += 1  # it was no row that was locked
            return True
        if some > 1 or not self._doubtful:
            self._sent, self._doubtful = max(1, some // _FEWER), some
        else:
            del self.first.found[:1]
            self._late += 1
            self._sent, self._doubtful = _MOST_SENT, 0
        return True

    def goes_otherwise(self) -> bool:
        """What was gathered before the lock may have found its match meanwhile."""
        self._others += 1
        return self._others <= _MOST_OTHERS

    def take_late(self) -> int:
        """The candidates that were left because they take too long, since last asked."""
        late, self._late = self._late, 0
        return late

    @property
    def _gives_up(self) -> bool:
        return self._busy >= _MOST_BUSY

    def _behind(self, end: str | None) -> int:
        """How many candidates a batch that ended at `end` got through."""
        found = self.first.found
        if end is None:
            return len(found) if self._gives_up else min(self._sent, len(found))
        places = [candidate.place for candidate in found[: self._sent]]
        return places.index(end) + 1 if end in places else 0
