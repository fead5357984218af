"""Windows of values along an index, oldest first; ties of any number are one window."""

import json

from psycopg import sql

from maintcli.engines.base.delete import sealed, way
from maintcli.engines.foreign_keys.windows import FORCE, FORCE_NO_MORE, MOST, Listing, Pieces

# The places are no condition for a TID range scan here, which would walk the whole table.
_LIST = sql.SQL("""IF maint_w IS NULL THEN
    {force}
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
    """Windows of values along the index on `column`, up to `bound`."""

    first_bite = 100.0
    progress = None

    def __init__(
        self,
        part: sql.Composable,
        predicate: sql.Composable,
        column: str,
        kind: sql.Composable,
        bound: sql.Composable,
        low: str | None = None,
    ) -> None:
        self.part, self.predicate = part, predicate
        self.column, self.kind, self.bound = sql.Identifier(column), kind, bound
        self.name = column
        self.at: tuple[str | None, str | None, str] = (low, None, "(0,0)")
        self.finished = False

    def pieces(self, bite: float) -> Pieces:
        """The PL/pgSQL, for windows of about `bite` rows."""
        low, high, at = self.at
        window = way(self.part, _WINDOW.format(column=self.column), self.predicate)
        holes = {"part": self.part, "column": self.column, "bound": self.bound}
        forced = {"force": FORCE, "force_no_more": FORCE_NO_MORE}
        return Pieces(
            sql.SQL(
                "maint_lo {kind} := {low}; maint_hi {kind} := {high}; maint_at tid := {at};"
            ).format(kind=self.kind, low=low, high=high, at=at),
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
        again = Values(self.part, predicate, self.name, self.kind, bound)
        again.at = self.at
        return again

    def advance(self, end: str | None) -> float:
        """Go on from the value and place `end`; None is the end of the way."""
        self.finished = end is None
        if end is not None:
            self.at = json.loads(end)
        return 0.0
