"""Windows of blocks of the heap: listed by TID range scans, swept in the order of the table."""

from psycopg import sql

from maintcli.runtime.shard import Shard
from maintcli.work.cascade.windows import MOST, Listing, Pieces
from maintcli.work.sweep import stripes

# A predicate that looks into another table is a join, which may find the rows in any order.
_LIST = sql.SQL("""IF maint_w IS NULL THEN
    maint_to := format('(%s,0)',
        least((maint_at::text::point)[0]::bigint + {bite}, {until}))::tid;
    PERFORM set_config('enable_indexscan', 'off', true),
            set_config('enable_bitmapscan', 'off', true);
    SELECT coalesce(array_agg(t), '{{}}') INTO maint_w FROM (
        SELECT ctid AS t FROM ONLY {part}
        WHERE ctid > maint_at AND ctid < maint_to AND ({predicate}) ORDER BY ctid LIMIT {most}
    ) AS few;
    PERFORM set_config('enable_indexscan', 'on', true),
            set_config('enable_bitmapscan', 'on', true);
    maint_i := 1;
END IF;""")

_DONE = sql.SQL("""maint_at := maint_to;""")

_END = sql.SQL("""maint_end := maint_at::text;
maint_stop := maint_at >= {until}::tid;""")


class Blocks(Listing):
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
            _LIST.format(
                part=self.part,
                predicate=self.predicate,
                bite=int(bite),
                until=self.until,
                most=MOST,
            ),
            _DONE,
            _END.format(until=until),
            MOST,
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


def _block(place: str) -> int:
    return int(place.strip("()").partition(",")[0])
