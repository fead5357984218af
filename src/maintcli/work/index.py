"""The index plan: windows `lo <= column < hi` along an index, with a moving lower bound.

The bound moves so that no batch walks again over the dead entries of the one before, which an
old snapshot elsewhere keeps from being cleaned away.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from maintcli.work.batch import Done, Step, delete
from maintcli.work.window import Window

FIRST_ROWS = 500
_TIES = 10  # a value with over this many windows of rows is swept by block ranges instead

_SETTINGS = sql.SQL("SET LOCAL enable_seqscan = off")

# maint_hi is where the window ends; one value with more rows than a window holds is taken whole.
_WINDOW = sql.SQL("""
SELECT {column} INTO maint_hi FROM ONLY {part} WHERE {from_low} AND {column} < {bound}
    ORDER BY {column} OFFSET {rows} LIMIT 1;
IF maint_hi IS NOT NULL AND maint_hi = maint_lo THEN
    PERFORM 1 FROM ONLY {part} WHERE {column} = maint_lo OFFSET {most} LIMIT 1;
    maint_tied := FOUND;
    SELECT min({column}) INTO maint_hi FROM ONLY {part}
        WHERE {column} > maint_lo AND {column} < {bound};
END IF;
maint_hi := coalesce(maint_hi, {bound});
IF NOT maint_tied THEN
{delete}
END IF;
maint_end := CASE WHEN maint_hi < {bound} THEN maint_hi::text END;
""")


@dataclass(slots=True)
class IndexWalk:
    """Walks a part along the index on `column`, from the oldest row to `bound`, the cutoff."""

    part: sql.Composable
    predicate: sql.Composable
    column: str
    type: sql.Composable
    bound: sql.Composable
    low: str | None = None
    finished: bool = False
    first_size: float = FIRST_ROWS

    @property
    def progress(self) -> float | None:
        """Unknown: how many entries lie ahead is not counted."""
        return None

    def step(self, size: float, *, skip_locked: bool, show: Sequence[str], most_shown: int) -> Step:
        """The next batch of `size` rows."""
        column = sql.Identifier(self.column)
        window = sql.SQL("{} AND {} < maint_hi").format(self._from_low(), column)
        body = _WINDOW.format(
            column=column,
            part=self.part,
            from_low=self._from_low(),
            bound=self.bound,
            rows=int(size),
            most=_TIES * int(size),
            delete=delete(
                self.part,
                window,
                self.predicate,
                skip_locked=skip_locked,
                show=show,
                most_shown=most_shown,
            ),
        )
        declare = sql.SQL("maint_lo {type} := {low}; maint_hi {type};").format(
            type=self.type, low=self.low
        )
        return Step(body, _SETTINGS, declare)

    def window(self, _size: float, done: Done | None = None) -> Window:
        """The rows that the batch `done` looked at."""
        high = self.bound if done is None or done.end is None else self._value(done.end)
        condition = sql.SQL("{} AND {} < {}").format(
            self._from_low(), sql.Identifier(self.column), high
        )
        return Window(self.part, self.predicate, condition, _SETTINGS)

    def tie(self) -> sql.Composable:
        """The predicate of the rows whose one value stopped the walk."""
        column, low = sql.Identifier(self.column), self._value(self.low or "")
        return sql.SQL("{} = {} AND ({})").format(column, low, self.predicate)

    def advance(self, size: float, done: Done) -> float:
        """Go on behind the batch; return the rows it really had."""
        self.low, self.finished = done.end, done.end is None
        return max(done.rows, 1) if self.finished else max(done.rows, int(size))

    def _from_low(self) -> sql.Composable:
        column = sql.Identifier(self.column)
        if self.low is None:
            return sql.SQL("{} IS NOT NULL").format(column)
        return sql.SQL("{} >= {}").format(column, self._value(self.low))

    def _value(self, text: str) -> sql.Composable:
        return sql.SQL("{}::{}").format(text, self.type)
