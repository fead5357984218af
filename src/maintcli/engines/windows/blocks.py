"""Windows of blocks of the heap, found by TID range scans (PostgreSQL 14), in the table's order."""

from psycopg import sql

from maintcli.engines.base import stripes
from maintcli.engines.base.delete import Bite, delete, sealed, way
from maintcli.engines.windows.window import FORCE, FORCE_NO_MORE, MOST, SEQSCAN, Listing, Pieces
from maintcli.runtime.shard import Shard

# With its predicate sealed, the rest of a table's scans is a scan of all of it, and dearer.
SETTINGS = sql.SQL("SET LOCAL enable_tidscan = on")

_DELETE_DECLARE = sql.SQL("maint_at bigint := {at}; maint_from tid; maint_to tid;")

_DELETE_WINDOW = sql.SQL("ctid >= maint_from AND ctid < maint_to")

_DELETE = sql.SQL("""maint_from := pg_catalog.format('(%s,0)', maint_at)::tid;
maint_at := least(maint_at + {bite}, {blocks});
maint_to := pg_catalog.format('(%s,0)', maint_at)::tid;
{delete}
maint_end := maint_to::text;
maint_stop := maint_at >= {blocks};""")

_LIST = sql.SQL("""IF maint_w IS NULL THEN
    maint_to := least(
        pg_catalog.format('(%s,0)', (maint_at::text::point)[0]::bigint + {bite})::tid,
        {until}::tid);
    {force}
    SELECT coalesce(pg_catalog.array_agg(t), '{{}}') INTO maint_w FROM (
        SELECT ctid AS t FROM ONLY {part}
        WHERE {window} AND {predicate} ORDER BY ctid LIMIT {most}
    ) AS few;
    {force_no_more}
    maint_i := 1;
END IF;""")

_WINDOW = sql.SQL("ctid > maint_at AND ctid <= maint_to")

_DONE = sql.SQL("""maint_at := maint_to;""")

_END = sql.SQL("""maint_end := maint_at::text;
maint_stop := maint_at >= {until}::tid;""")


class Blocks(Listing):
    """Windows of the blocks that a part had at the start; what is added later is fresh."""

    first_bite = 16.0
    settings = plain_settings = SETTINGS

    def __init__(
        self,
        part: sql.Composable,
        predicate: sql.Composable,
        blocks: int,
        shard: Shard | None = None,
    ) -> None:
        self.part, self.predicate, self.blocks, self.shard = part, predicate, blocks, shard
        self.at = self.until = "(0,0)"
        self.finished = False
        self._go_to(0)

    @property
    def progress(self) -> float | None:
        """The share of the blocks that is behind."""
        return _place(self.at)[0] / self.blocks if self.blocks else 1.0

    def deleting(self, bite: Bite) -> tuple[sql.Composable, sql.Composable]:
        """The declarations, and the PL/pgSQL that deletes the stale rows of `bite.size` blocks."""
        body = delete(self.part, _DELETE_WINDOW, self.predicate, bite)
        until = _place(self.until)[0]
        return (
            _DELETE_DECLARE.format(at=_place(self.at)[0]),
            _DELETE.format(bite=int(bite.size), blocks=until, delete=body),
        )

    def condition(self, end: str | None) -> sql.Composable:
        """SQL: whether a row lies between here and the place `end`."""
        return sql.SQL("ctid >= {}::tid AND ctid < {}::tid").format(self.at, end or self.until)

    def pieces(self, bite: float) -> Pieces:
        """The PL/pgSQL, for windows of `bite` blocks."""
        return Pieces(
            sql.SQL("maint_at tid := {}; maint_to tid; {}").format(self.at, SEQSCAN),
            _LIST.format(
                part=self.part,
                force=FORCE,
                force_no_more=FORCE_NO_MORE,
                window=way(self.part, _WINDOW, self.predicate),
                predicate=sealed(self.predicate),
                bite=int(bite),
                until=self.until,
                most=MOST,
            ),
            _DONE,
            _END.format(until=self.until),
            MOST,
        )

    def again(self, end: str | None) -> "Blocks":
        """From here to the place that was reached, where the next batch goes on, and no further."""
        until = end or self.until
        again = Blocks(self.part, self.predicate, _place(until)[0])
        again.at, again.until, again.finished = self.at, until, False
        return again

    def advance(self, end: str | None) -> float:
        """Go on from the place `end`."""
        before, reached = _place(self.at)[0], end or self.until
        if _place(reached) >= _place(self.until):
            self._go_to(_place(self.until)[0])
        else:
            self.at = reached
        return _place(reached)[0] - before

    def _go_to(self, block: int) -> None:
        first, until = stripes.after(block, self.blocks, self.shard)
        self.at, self.until = f"({first},0)", f"({until},0)"
        self.finished = first >= self.blocks


def _place(text: str) -> tuple[int, int]:
    block, _, number = text.strip("()").partition(",")
    return int(block), int(number)
