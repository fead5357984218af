"""Windows of rows that were seen beforehand, looked at again while nobody writes elsewhere.

What a predicate looks up in another table is not looked up again by a DELETE that had to wait. So
the other table is locked for the batch, and only for one that has something to delete: the way to
the candidates is found before, without a lock. See first.py.
"""

import json

import psycopg
from psycopg import sql

from maintcli.db import sqlstate
from maintcli.engines.foreign_keys.first import FirstLook
from maintcli.engines.foreign_keys.graph import Cascade
from maintcli.engines.windows.window import Listing, Pieces
from maintcli.runtime.session import LOCK_TIMEOUT_MS

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
