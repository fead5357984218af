"""Where a closure walk finds its roots: PL/pgSQL that lists the next of them in maint_w.

A list is the places of stale rows within one window, unlocked, in the order of the table. The walk
takes them group by group, and has got as far as maint_at, whatever became of the rows behind it:
a row that must stay is passed by.
"""

import json
from typing import NamedTuple, Protocol

from psycopg import sql

from maintcli.runtime.shard import Shard
from maintcli.work import stripes

_MOST = 10_000  # places in a list: 60 kB

_BLOCKS = sql.SQL("""IF maint_w IS NULL THEN
    maint_to := format('(%s,0)',
        least((maint_at::text::point)[0]::bigint + {bite}, {until}))::tid;
    PERFORM set_config('enable_indexscan', 'off', true),
            set_config('enable_bitmapscan', 'off', true);
    SELECT coalesce(array_agg(t), '{{}}') INTO maint_w FROM (
        SELECT ctid AS t FROM ONLY {part}
        WHERE ctid > maint_at AND ctid < maint_to AND ({predicate}) LIMIT {most}
    ) AS few;
    PERFORM set_config('enable_indexscan', 'on', true),
            set_config('enable_bitmapscan', 'on', true);
    maint_i := 1;
END IF;""")

_BLOCKS_DONE = sql.SQL("""maint_at := maint_to;""")

_BLOCKS_END = sql.SQL("""maint_end := maint_at::text;
maint_stop := maint_at >= {until}::tid;""")

# The places are no condition for a TID range scan here, which would walk the whole table.
_VALUES = sql.SQL("""IF maint_w IS NULL THEN
    IF maint_hi IS NULL THEN
        IF maint_lo IS NULL THEN
            SELECT min({column}) INTO maint_lo FROM ONLY {part} WHERE {column} < {bound};
        END IF;
        SELECT {column} INTO maint_hi FROM ONLY {part}
            WHERE {column} >= maint_lo AND {column} < {bound}
            ORDER BY {column} OFFSET {bite} LIMIT 1;
        IF maint_hi = maint_lo THEN
            SELECT min({column}) INTO maint_hi FROM ONLY {part}
                WHERE {column} > maint_lo AND {column} < {bound};
        END IF;
        maint_hi := coalesce(maint_hi, {bound});
        maint_at := '(0,0)';
    END IF;
    SELECT coalesce(array_agg(t), '{{}}') INTO maint_w FROM (
        SELECT ctid AS t FROM ONLY {part}
        WHERE {column} >= maint_lo AND {column} < maint_hi AND (ctid > maint_at) IS NOT FALSE
          AND ({predicate}) ORDER BY ctid LIMIT {most}
    ) AS few;
    maint_i := 1;
END IF;""")

_VALUES_DONE = sql.SQL("""maint_lo := maint_hi; maint_hi := NULL;""")

_VALUES_END = sql.SQL("""maint_stop := maint_lo IS NULL OR maint_lo >= {bound};
maint_end := CASE WHEN maint_lo < {bound} THEN
    json_build_array(maint_lo::text, maint_hi::text, maint_at::text)::text END;""")


class Pieces(NamedTuple):
    """What a walk over windows is made of.

    `list` fills maint_w where it is NULL, `done` follows when the window has no more, `end` says
    how far it got. `most` is the length of a list that may not be all of its window.
    """

    declare: sql.Composable
    list: sql.Composable
    done: sql.Composable
    end: sql.Composable
    most: int = _MOST


class Windows(Protocol):
    """A way through a part."""

    @property
    def first_bite(self) -> float:
        """The blocks or rows of the first window."""
        ...

    @property
    def settings(self) -> sql.Composable:
        """What makes the server find the windows quickly."""
        ...

    @property
    def finished(self) -> bool:
        """Whether there is no window left."""
        ...

    @property
    def progress(self) -> float | None:
        """The share of the way that is behind; None where nobody knows."""
        ...

    def pieces(self, bite: float) -> Pieces:
        """The PL/pgSQL, for windows of about `bite` blocks or rows."""
        ...

    def again(self, end: str | None) -> "Windows":
        """The same way from here to `end`, for a second try."""
        ...

    def advance(self, end: str | None) -> float:
        """Go on from `end`; return how many blocks that was."""
        ...


class Blocks:
    """Windows of blocks of the heap."""

    first_bite = 16.0
    settings = sql.SQL("SET LOCAL enable_seqscan = off")

    def __init__(
        self,
        part: sql.Composable,
        predicate: sql.Composable,
        blocks: int,
        shard: Shard | None = None,
    ) -> None:
        self.part, self.predicate, self.blocks, self.shard = part, predicate, blocks, shard
        first, self.until = stripes.after(0, blocks, shard)
        self.at, self.finished = f"({first},0)", first >= blocks

    @property
    def progress(self) -> float | None:
        """The share of the blocks that is behind."""
        return _block(self.at) / self.blocks if self.blocks else 1.0

    def pieces(self, bite: float) -> Pieces:
        """The PL/pgSQL, for windows of `bite` blocks."""
        until = f"({self.until},0)"
        return Pieces(
            sql.SQL("maint_at tid := {}; maint_to tid;").format(self.at),
            _BLOCKS.format(
                part=self.part,
                predicate=self.predicate,
                bite=int(bite),
                until=self.until,
                most=_MOST,
            ),
            _BLOCKS_DONE,
            _BLOCKS_END.format(until=until),
        )

    def again(self, end: str | None) -> "Blocks":
        """From the block that was begun to the one that was reached."""
        until = _block(end or f"({self.until},0)") + 1
        again = Blocks(self.part, self.predicate, min(until, self.blocks))
        again.at = self.at
        return again

    def advance(self, end: str | None) -> float:
        """Go on from the place `end`."""
        before, reached = _block(self.at), end or f"({self.until},0)"
        if _block(reached) >= self.until:
            first, self.until = stripes.after(self.until, self.blocks, self.shard)
            self.at, self.finished = f"({first},0)", first >= self.blocks
        else:
            self.at = reached
        return _block(reached) - before


class Values:
    """Windows of values along the index on `column`, up to `bound`."""

    first_bite = 100.0
    settings = sql.SQL("SET LOCAL enable_seqscan = off")
    progress = None

    def __init__(
        self,
        part: sql.Composable,
        predicate: sql.Composable,
        column: str,
        kind: sql.Composable,
        bound: sql.Composable,
    ) -> None:
        self.part, self.predicate = part, predicate
        self.column, self.kind, self.bound = sql.Identifier(column), kind, bound
        self.name = column
        self.at: tuple[str | None, str | None, str] = (None, None, "(0,0)")
        self.finished = False

    def pieces(self, bite: float) -> Pieces:
        """The PL/pgSQL, for windows of about `bite` rows."""
        low, high, at = self.at
        holes = {"part": self.part, "column": self.column, "bound": self.bound}
        return Pieces(
            sql.SQL(
                "maint_lo {kind} := {low}; maint_hi {kind} := {high}; maint_at tid := {at};"
            ).format(kind=self.kind, low=low, high=high, at=at),
            _VALUES.format(**holes, predicate=self.predicate, bite=int(bite), most=_MOST),
            _VALUES_DONE,
            _VALUES_END.format(bound=self.bound),
        )

    def again(self, end: str | None) -> "Values":
        """From the value that was begun to the one that was reached."""
        bound = self.bound
        if end is not None:
            low, high, _ = json.loads(end)
            bound = sql.SQL("{}::{}").format(high or low, self.kind)
        again = Values(self.part, self.predicate, self.name, self.kind, bound)
        again.at = self.at
        return again

    def advance(self, end: str | None) -> float:
        """Go on from the value and place `end`; None is the end of the way."""
        self.finished = end is None
        if end is not None:
            self.at = json.loads(end)
        return 0.0


def _block(place: str) -> int:
    return int(place.strip("()").partition(",")[0])
