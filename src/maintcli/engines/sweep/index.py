"""The index plan: windows `lo <= column < hi` along an index, with a moving lower bound.

The bound moves so that no batch walks again over the dead entries of the one before, which an
old snapshot elsewhere keeps from being cleaned away.
"""

from functools import partial
from typing import TYPE_CHECKING

from psycopg import sql

from maintcli.db.tables import Part
from maintcli.engines.base.batch import Done, Step
from maintcli.engines.base.delete import Bite, delete
from maintcli.engines.sweep.window import Plain, Window

if TYPE_CHECKING:
    from maintcli.engines.foreign_keys.values import Values

FIRST_ROWS = 100
_TIES = 10  # a value with over this many bites of rows is swept by block ranges instead
_NO_TIES = 2**62

_SETTINGS = sql.SQL("SET LOCAL enable_seqscan = off")

_DECLARE = sql.SQL("maint_lo {type} := {low}; maint_hi {type};")

_WINDOW = sql.SQL("{column} >= maint_lo AND {column} < maint_hi")

# maint_hi is where the window ends; one value with more rows than a bite is taken whole.
_BITE = sql.SQL("""
IF maint_lo IS NULL THEN
    SELECT min({column}) INTO maint_lo FROM ONLY {part} WHERE {column} < {bound};
END IF;
SELECT {column} INTO maint_hi FROM ONLY {part} WHERE {column} >= maint_lo AND {column} < {bound}
    ORDER BY {column} OFFSET {bite} LIMIT 1;
IF maint_hi = maint_lo THEN
    PERFORM 1 FROM ONLY {part} WHERE {column} = maint_lo OFFSET {most} LIMIT 1;
    maint_tied := FOUND;
    SELECT min({column}) INTO maint_hi FROM ONLY {part}
        WHERE {column} > maint_lo AND {column} < {bound};
END IF;
maint_hi := coalesce(maint_hi, {bound});
IF NOT maint_tied THEN
{delete}
maint_lo := maint_hi;
END IF;
maint_stop := maint_tied OR maint_lo IS NULL OR maint_lo >= {bound};
maint_end := CASE WHEN maint_lo < {bound} THEN maint_lo::text END;""")


class IndexWalk(Plain):
    """Walks a part along the index on `column`, from the oldest row to `bound`, the cutoff."""

    first_bite = FIRST_ROWS

    def __init__(
        self,
        part: Part,
        predicate: sql.Composable,
        column: str,
        kind: sql.Composable,
        bound: sql.Composable,
    ) -> None:
        self.part, self.oid, self.name = part.quoted, part.oid, column
        self.predicate = predicate
        self.column = sql.Identifier(column)
        self.kind = kind
        self.bound = bound
        self.low: str | None = None
        self.finished = False
        self._tie_swept: str | None = None

    @property
    def progress(self) -> float | None:
        """Unknown: how many entries lie ahead is not counted."""
        return None

    def step(self, bite: Bite) -> Step:
        """The next batch, in bites of so many rows."""
        rows, window = int(bite.size), _WINDOW.format(column=self.column)
        body = delete(self.part, window, self.predicate, bite)
        fresh = self.low is None or self.low != self._tie_swept
        bites = _BITE.format(
            column=self.column,
            part=self.part,
            bound=self.bound,
            bite=rows,
            most=_TIES * rows if fresh else _NO_TIES,
            delete=body,
        )
        return self.made(bite, bites, _SETTINGS, _DECLARE.format(type=self.kind, low=self.low))

    def window(self, done: Done) -> Window:
        """The rows that the batch `done` looked at."""
        high = self.bound if done.end is None else self._value(done.end)
        condition = sql.SQL("{} < {}").format(self.column, high)
        if self.low is not None:
            condition += sql.SQL(" AND {} >= {}").format(self.column, self._value(self.low))
        return Window(self, condition, _SETTINGS, partial(self._windows, self.low, high))

    def windows(self) -> "Values":
        """What is ahead."""
        return self._windows(self.low, self.bound)

    def _windows(self, low: str | None, bound: sql.Composable) -> "Values":
        from maintcli.engines.foreign_keys.values import (
            Values,  # only where rows object, or are slow
        )

        return Values(self.part, self.predicate, self.name, self.kind, bound, low)

    def tie(self) -> sql.Composable:
        """The predicate of the rows whose one value stopped the walk; asked for once a value."""
        self._tie_swept = self.low
        value = self._value(self.low or "")
        return sql.SQL("{} = {} AND ({})").format(self.column, value, self.predicate)

    def advance(self, done: Done) -> float:
        """Go on behind the batch; return its rows."""
        self.low, self.finished = done.end, done.end is None
        return done.rows

    def _value(self, text: str) -> sql.Composable:
        return sql.SQL("{}::{}").format(text, self.kind)
