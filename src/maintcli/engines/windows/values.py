"""Windows `lo <= column < hi` of values along an index, oldest first.

The bound moves so that no batch walks again over the dead entries of the one before, which an
old snapshot elsewhere keeps from being cleaned away.
"""

import json

from psycopg import sql

from maintcli.db.catalog.tables import Column
from maintcli.engines.base.delete import Bite, delete, sealed, way
from maintcli.engines.windows.window import FORCE, FORCE_NO_MORE, MOST, SEQSCAN, Listing, Pieces

_TIES = 10  # a value with over this many bites of rows is swept by block ranges instead
_NO_TIES = 2**62

_DELETE_DECLARE = sql.SQL("maint_lo {type} := {low}; maint_hi {type};")

_DELETE_WINDOW = sql.SQL("{column} >= maint_lo AND {column} < maint_hi")

# maint_hi is where the window ends; one value with more rows than a bite is taken whole.
_DELETE = sql.SQL("""
IF maint_lo IS NULL THEN
    SELECT pg_catalog.min({column}) INTO maint_lo FROM ONLY {part} WHERE {column} < {bound};
END IF;
SELECT {column} INTO maint_hi FROM ONLY {part} WHERE {column} >= maint_lo AND {column} < {bound}
    ORDER BY {column} OFFSET {bite} LIMIT 1;
IF maint_hi = maint_lo THEN
    PERFORM 1 FROM ONLY {part} WHERE {column} = maint_lo OFFSET {most} LIMIT 1;
    maint_tied := FOUND;
    SELECT pg_catalog.min({column}) INTO maint_hi FROM ONLY {part}
        WHERE {column} > maint_lo AND {column} < {bound};
END IF;
maint_hi := coalesce(maint_hi, {bound});
IF NOT maint_tied THEN
{delete}
maint_lo := maint_hi;
END IF;
maint_stop := maint_tied OR maint_lo IS NULL OR maint_lo >= {bound};
maint_end := CASE WHEN maint_lo < {bound} THEN
    pg_catalog.json_build_array(maint_lo::text, NULL, '(0,0)')::text END;""")

# The places are no condition for a TID range scan here, which would walk the whole table.
_LIST = sql.SQL("""IF maint_w IS NULL THEN
    {force}
    IF maint_hi IS NULL THEN
        IF maint_lo IS NULL THEN
            SELECT pg_catalog.min({column}) INTO maint_lo FROM ONLY {part} WHERE {column} < {bound};
        END IF;
        SELECT {column} INTO maint_hi FROM ONLY {part}
            WHERE {column} >= maint_lo AND {column} < {bound}
            ORDER BY {column} OFFSET {bite} LIMIT 1;
        IF maint_hi = maint_lo THEN
            SELECT pg_catalog.min({column}) INTO maint_hi FROM ONLY {part}
                WHERE {column} > maint_lo AND {column} < {bound};
        END IF;
        maint_hi := coalesce(maint_hi, {bound});
        maint_at := '(0,0)';
    END IF;
    SELECT coalesce(pg_catalog.array_agg(t), '{{}}') INTO maint_w FROM (
        SELECT ctid AS t FROM ONLY {part}
        WHERE {window} AND {predicate} ORDER BY ctid LIMIT {most}
    ) AS few;
    {force_no_more}
    maint_i := 1;
END IF;""")

_WINDOW = sql.SQL("""{column} >= maint_lo AND {column} < maint_hi
    AND (ctid > maint_at) IS NOT FALSE""")

_PASSED = sql.SQL("""({predicate})
    AND ({column} < {low}::{kind} OR (ctid <= {at}::tid) IS NOT FALSE)""")

_DONE = sql.SQL("""maint_lo := maint_hi; maint_hi := NULL;""")

_END = sql.SQL("""maint_stop := maint_lo IS NULL OR maint_lo >= {bound};
maint_end := CASE WHEN maint_lo < {bound} THEN
    pg_catalog.json_build_array(maint_lo::text, maint_hi::text, maint_at::text)::text END;""")


class Values(Listing):
    """Windows of values along the index on `by`, from the oldest row to `bound`, the cutoff."""

    first_bite = 100.0
    plain_settings = sql.SQL("SET LOCAL enable_seqscan = off")
    progress = None

    def __init__(
        self,
        part: sql.Composable,
        predicate: sql.Composable,
        by: Column,
        bound: sql.Composable,
    ) -> None:
        self.part, self.predicate = part, predicate
        self.by, self.column, self.bound = by, by.value(), bound
        self.kind = sql.SQL(by.type)  # pyright: ignore[reportArgumentType]  from the catalog
        self.at: tuple[str | None, str | None, str] = (None, None, "(0,0)")
        self.finished = False
        self._tie_swept: str | None = None

    def deleting(self, bite: Bite) -> tuple[sql.Composable, sql.Composable]:
        """The declarations, and the PL/pgSQL that deletes the stale among `bite.size` rows."""
        rows, low = int(bite.size), self.at[0]
        window = _DELETE_WINDOW.format(column=self.column)
        fresh = low is None or low != self._tie_swept
        body = _DELETE.format(
            column=self.column,
            part=self.part,
            bound=self.bound,
            bite=rows,
            most=_TIES * rows if fresh else _NO_TIES,
            delete=delete(self.part, window, self.predicate, bite),
        )
        return _DELETE_DECLARE.format(type=self.kind, low=low), body

    def condition(self, end: str | None) -> sql.Composable:
        """SQL: whether a row lies between here and the value `end`."""
        low, high = self.at[0], self.bound if end is None else self._value(json.loads(end)[0])
        condition: sql.Composable = sql.SQL("{} < {}").format(self.column, high)
        if low is not None:
            condition += sql.SQL(" AND {} >= {}").format(self.column, self._value(low))
        return condition

    def tie(self) -> sql.Composable:
        """The predicate of the rows whose one value stopped a batch; asked for once a value."""
        low = self._tie_swept = self.at[0]
        value = self._value(low or "")
        return sql.SQL("{} = {} AND ({})").format(self.column, value, self.predicate)

    def _value(self, text: str) -> sql.Composable:
        return sql.SQL("{}::{}").format(text, self.kind)

    def pieces(self, bite: float) -> Pieces:
        """The PL/pgSQL, for windows of about `bite` rows."""
        low, high, at = self.at
        window = way(self.part, _WINDOW.format(column=self.column), self.predicate)
        holes = {"part": self.part, "column": self.column, "bound": self.bound}
        forced = {"force": FORCE, "force_no_more": FORCE_NO_MORE}
        return Pieces(
            sql.SQL(
                "maint_lo {kind} := {low}; maint_hi {kind} := {high}; maint_at tid := {at};"
                " {seqscan}"
            ).format(kind=self.kind, low=low, high=high, at=at, seqscan=SEQSCAN),
            _LIST.format(
                **holes,
                **forced,
                window=window,
                predicate=sealed(self.predicate),
                bite=int(bite),
                most=MOST,
            ),
            _DONE,
            _END.format(bound=self.bound),
            MOST,
        )

    def again(self, end: str | None) -> "Values":
        """From here to the value and place that were reached, and no further."""
        predicate, bound = self.predicate, self.bound
        if end is not None:
            low, high, at = json.loads(end)
            bound = sql.SQL("{}::{}").format(high or low, self.kind)
            if high is not None:  # what lies behind that place is the next batch's
                predicate = _PASSED.format(
                    predicate=predicate, column=self.column, low=low, kind=self.kind, at=at
                )
        again = Values(self.part, predicate, self.by, bound)
        again.at = self.at
        return again

    def advance(self, end: str | None) -> float:
        """Go on from the value and place `end`; None is the end of the way."""
        self.finished = end is None
        if end is not None:
            self.at = json.loads(end)
        return 0.0
