"""The DELETE statement of a batch."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from psycopg import sql

_DELETE = sql.SQL("DELETE FROM ONLY {part} WHERE {which}")

# Within a CASE the predicate uses no index, and a subquery in it does not become a join. So rows
# are found by the window alone, without a setting that would affect subqueries, functions and
# triggers as well.
_SEALED = sql.SQL("CASE WHEN {predicate}\nTHEN true END")

# The planner assumes that a list of unknown length is short, and looks up a subquery's match row by
# row by an index. For a range it expects so many rows that it would hash the whole other table in
# each statement.
_LISTED = sql.SQL("ctid = ANY (ARRAY(SELECT ctid FROM ONLY {part} WHERE {window}))")
_QUERY = re.compile(r"\b(select|table|values)\b", re.IGNORECASE)

_WHICH = sql.SQL("{window} AND {predicate}")

# The rows are locked and checked again, before the DELETE checks them a second time.
_WHICH_CHOSEN = sql.SQL("""ctid = ANY (ARRAY(
    SELECT ctid FROM ONLY {part} WHERE {window} AND {predicate}{limit} FOR UPDATE{skip}
))
AND {predicate}""")

_LIMIT = sql.SQL(" LIMIT greatest(0, maint_most - maint_n)")
_SKIP, _NOTHING = sql.SQL(" SKIP LOCKED"), sql.SQL("")

_PLAIN = sql.SQL("""{delete};
GET DIAGNOSTICS maint_k = ROW_COUNT;
maint_n := maint_n + maint_k;""")

_SHOWN = sql.SQL("""WITH gone AS (
    {delete} RETURNING pg_catalog.json_build_array({columns}) AS maint_row
)
SELECT count(*), (SELECT pg_catalog.json_agg(maint_row)
    FROM (SELECT maint_row FROM gone LIMIT {most}) few)
INTO maint_k, maint_shown FROM gone;
maint_n := maint_n + maint_k;""")

# Not every encoding has U+2026.
_FIRST_EIGHT = sql.SQL("""pg_catalog.left({0}::text, 8) || CASE
    WHEN pg_catalog.length({0}::text) <= 8 THEN ''
    ELSE chr(CASE getdatabaseencoding() WHEN 'UTF8' THEN 8230 ELSE 46 END) END""")

_LEFT = sql.SQL("""{body}
IF maint_most IS NULL OR maint_n < maint_most THEN
    SELECT count(*) INTO maint_k FROM ONLY {part} WHERE {window} AND {predicate};
    maint_left := maint_left + maint_k;
END IF;""")


class Bite(NamedTuple):
    """One batch, in bites of about `size` blocks or rows.

    `skip_locked` leaves rows that others hold locked, and counts them. `small`: the last try met
    its time limit. Of the first `most_shown` rows the columns in `show` are to come back. `limited`
    deletes no more than maint_most.
    """

    size: float
    skip_locked: bool = False
    small: bool = False
    show: Sequence[str] = ()
    most_shown: int = 0
    limited: bool = False


def delete(
    part: sql.Composable,
    window: sql.Composable,
    predicate: sql.Composable,
    bite: Bite,
) -> sql.Composable:
    """The DELETE, with the predicate in its own WHERE.

    READ COMMITTED checks it again on the newest version of a row that changed while we waited, so
    a heartbeat that arrives during the run saves its session. What is shown of a row is cut to 8
    characters. A bite that is limited, or leaves locked rows, is slower.
    """
    window = way(part, window, predicate)
    holes = {"part": part, "window": window, "predicate": sealed(predicate)}
    limit, skip = (_LIMIT if bite.limited else _NOTHING), (_SKIP if bite.skip_locked else _NOTHING)
    chosen = _WHICH_CHOSEN if bite.skip_locked or bite.limited else _WHICH
    which = chosen.format(**holes, limit=limit, skip=skip)
    statement = _DELETE.format(part=part, which=which)
    if bite.show and bite.most_shown > 0:
        columns = sql.SQL(", ").join(first_eight(name) for name in bite.show)
        body = _SHOWN.format(delete=statement, columns=columns, most=bite.most_shown)
    else:
        body = _PLAIN.format(delete=statement)
    return _LEFT.format(body=body, **holes) if bite.skip_locked else body


def way(part: sql.Composable, window: sql.Composable, predicate: sql.Composable) -> sql.Composable:
    """The condition that finds the rows of `window`, in the form that suits `predicate`."""
    if not _QUERY.search(predicate.as_string()):
        return window
    return _LISTED.format(part=part, window=window)


def sealed(predicate: sql.Composable) -> sql.Composable:
    """The same condition, in a form that the planner cannot use to find rows."""
    return _SEALED.format(predicate=predicate)


def lock_tables(sources: Iterable[sql.Composable]) -> sql.Composable:
    """Lock tables as a DELETE does: a wait for a lock after it is a wait for a row."""
    return sql.SQL("LOCK TABLE {} IN ROW EXCLUSIVE MODE").format(sql.SQL(", ").join(sources))


def first_eight(column: str) -> sql.Composable:
    """The first 8 characters of a column, to name a row in the log."""
    return _FIRST_EIGHT.format(sql.Identifier(column))
