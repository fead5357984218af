"""The second look: under a lock that no new parent can slip past, and in the DELETE itself."""

from collections.abc import Sequence

from psycopg import sql

from maintcli.db.tables import Part
from maintcli.runtime.session import LOCK_TIMEOUT_MS
from maintcli.work.batch import Step
from maintcli.work.orphans.look import Candidate
from maintcli.work.orphans.pair import Bond

FIRST_ROWS = 64
_PARENT_LOCK_MS = 100  # while we wait in the queue of a table, all who write to it wait behind us
_STATEMENT_MS = 2_000  # so long may a batch keep the application from writing to the parent

# The child comes first: who waits for it must not hold the parent meanwhile.
_SETTINGS = sql.SQL("""SET LOCAL statement_timeout = {statement_ms};
SET LOCAL lock_timeout = {parent_ms};
LOCK TABLE {child} IN ROW EXCLUSIVE MODE;
LOCK TABLE {parent} IN SHARE MODE;
SET LOCAL lock_timeout = {lock_ms}""")

_DECLARE = sql.SQL("""maint_at integer := 0;
maint_places tid[] := {places}::text[]::tid[];
maint_versions text[] := {versions}::text[];
maint_rows tid[];
maint_to integer;
maint_seen bigint;""")

_SEEN = sql.SQL("""FROM unnest(maint_places[maint_at + 1 : maint_to],
         maint_versions[maint_at + 1 : maint_to]) AS maint_seen(maint_place, maint_version)
    JOIN ONLY {part} AS maint_child
    ON maint_child.ctid = maint_place AND maint_child.xmin::text = maint_version""")

# A row is locked first, and judged by the next statement, which has a newer snapshot: what a
# DELETE looks up in another table is not looked up again when it had to wait for its row.
_BITE = sql.SQL("""maint_to := maint_at + greatest(0, least({bite}, maint_most - maint_n));
maint_rows := ARRAY(SELECT maint_child.ctid {seen}
    FOR UPDATE OF maint_child SKIP LOCKED);
DELETE FROM ONLY {part} AS maint_child
WHERE ctid = ANY (maint_rows) AND {predicate} AND NOT {held};
GET DIAGNOSTICS maint_k = ROW_COUNT;
maint_n := maint_n + maint_k;
SELECT count(*) INTO maint_seen {seen} WHERE {predicate} AND NOT {held};
maint_left := maint_left + maint_seen;
maint_at := maint_to;
maint_end := maint_at::text;
maint_stop := maint_at >= {all};""")


def step(bond: Bond, part: Part, seen: Sequence[Candidate], bite: float) -> Step:
    """A batch that deletes those of `seen` that are orphans still, in bites of `bite` rows."""
    rows = max(1, int(bite))
    holes = {
        "seen": _SEEN.format(part=part.quoted),
        "part": part.quoted,
        "predicate": bond.target.predicate,
        "held": bond.held(sql.SQL("maint_child")),
    }
    return Step(
        bite=_BITE.format(**holes, bite=rows, all=len(seen)),
        settings=_SETTINGS.format(
            statement_ms=_STATEMENT_MS,
            parent_ms=_PARENT_LOCK_MS,
            lock_ms=LOCK_TIMEOUT_MS,
            child=part.quoted,
            parent=bond.parent.table.quoted,
        ),
        declare=_DECLARE.format(
            places=[row.place for row in seen],
            versions=[row.version for row in seen],
        ),
    )
