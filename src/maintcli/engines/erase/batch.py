"""A batch of one user's rows: locks and rechecks the user, then deletes table by table."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from psycopg import sql

from maintcli.db.catalog.tables import Part
from maintcli.engines.base.batch import Step
from maintcli.engines.erase.holding import ROW, Holding
from maintcli.engines.erase.users import User, Users
from maintcli.runtime.context import Context

_DECLARE = sql.SQL("""maint_at integer := {at};
maint_state text;
maint_table text;
maint_size bigint;
maint_rows tid[];
maint_counts jsonb := '{{}}';""")

# The lock comes first, and the look by a statement of its own: it sees who opted back in while we
# waited. FOR UPDATE also keeps out rows that are about to refer to the user by a foreign key.
_BITE = sql.SQL("""IF maint_state IS NULL THEN
    PERFORM 1 FROM {users} WHERE {key} {whose} FOR UPDATE{skip};
    IF FOUND THEN
        SELECT CASE WHEN {due} THEN 'due' WHEN {stamp} IS NOT NULL AND {out} THEN 'erased'
            ELSE 'kept' END
        INTO maint_state FROM {users} WHERE {key} {whose};
        IF maint_state = 'due' THEN  -- a stamp says that nothing is left
            UPDATE {users} SET {stamp} = NULL WHERE {key} {whose} AND {stamp} IS NOT NULL;
        END IF;
    ELSIF EXISTS (SELECT FROM {users} WHERE {key} {whose}) THEN
        maint_state := 'locked';
    ELSE
        maint_state := 'kept';
    END IF;
END IF;
maint_k := 0;
IF maint_state = 'due' THEN
    CASE maint_at
    WHEN -1 THEN NULL;
{deletes}
    ELSE
{last_look}
    END CASE;
END IF;
IF maint_k > 0 THEN
    maint_n := maint_n + maint_k;
    maint_counts := maint_counts || pg_catalog.jsonb_build_object(maint_table,
        coalesce((maint_counts ->> maint_table)::bigint, 0) + maint_k);
{certify}
END IF;
maint_stop := maint_state <> 'due';
maint_end := pg_catalog.json_build_array(
    maint_at, maint_state, maint_counts, {certified})::text;""")

# A trigger may keep rows from being deleted, so the count of those that went decides.
_DELETE = sql.SQL("""    WHEN {number} THEN
        maint_table := {name};
        maint_size := greatest(0, least({bite}, maint_most - maint_n));
        maint_rows := ARRAY(SELECT {row}.ctid FROM ONLY {part} AS {row}
            WHERE {belongs} AND NOT {held} LIMIT maint_size FOR UPDATE OF {row} SKIP LOCKED);
        IF pg_catalog.cardinality(maint_rows) > 0 THEN  -- what is not reached need not be planned
            DELETE FROM ONLY {part} AS {row}
            WHERE {row}.ctid = ANY (maint_rows) AND {belongs} AND NOT {held};
            GET DIAGNOSTICS maint_k = ROW_COUNT;
        END IF;
        IF {done} THEN maint_at := maint_at + 1; END IF;""")

# Where rows of a table go with each other, those that nothing refers to go first, round by round.
_ALL = sql.SQL("maint_k < maint_size")
_ROUND_BY_ROUND = sql.SQL("maint_k = 0 AND maint_size > 0")

# Who is stamped is never looked at again, so stamp and certificate wait for the disk.
_LAST_LOOK = sql.SQL("""        maint_state := 'left';
        IF NOT ({anything}) THEN
            SET LOCAL synchronous_commit = DEFAULT;
            UPDATE {users} SET {stamp} = {now} WHERE {key} {whose};
            IF FOUND THEN
                maint_state := 'erased';
{finish}
            END IF;
        END IF;""")

_ANYTHING = sql.SQL("EXISTS (SELECT FROM {table} AS {row} WHERE {belongs})")

_CERTIFY = sql.SQL("""    INSERT INTO {erasures} AS e (run_id, subject, counts)
    VALUES ({run}, {subject}, pg_catalog.jsonb_build_object(maint_table, maint_k))
    ON CONFLICT (subject) WHERE erased_at IS NULL DO UPDATE SET
        run_id = excluded.run_id,
        counts = e.counts || pg_catalog.jsonb_build_object(maint_table,
            coalesce((e.counts ->> maint_table)::bigint, 0) + maint_k);""")

_FINISH = sql.SQL("""                UPDATE {erasures}
                SET run_id = {run}, erased_at = clock_timestamp()
                WHERE subject = {subject} AND erased_at IS NULL;
                IF NOT FOUND THEN
                    INSERT INTO {erasures} (run_id, subject, erased_at)
                    VALUES ({run}, {subject}, clock_timestamp());
                END IF;""")

_CERTIFIED = sql.SQL("""(SELECT e.counts FROM {erasures} AS e
    WHERE e.subject = {subject} AND e.run_id = {run} ORDER BY e.id DESC LIMIT 1)""")


class Piece(NamedTuple):
    """A relation with rows of a holding: what one branch of a batch deletes from."""

    holding: Holding
    part: Part


def pieces(holdings: Sequence[Holding]) -> list[Piece]:
    """Every piece, children first."""
    return [Piece(holding, part) for holding in holdings for part in holding.table.parts]


class Eraser(NamedTuple):
    """Makes the batches of any user."""

    context: Context
    users: Users
    holdings: Sequence[Holding]

    def step(self, user: User, at: int, bite: float, *, skip_locked: bool) -> Step:
        """The batch that continues at piece `at`, with `bite` rows a statement.

        After the last piece it checks once more that nothing is left, and stamps the user.
        """
        whose, lease = self.users.one(user.key), self.context.lease
        nothing, row = sql.SQL(""), {"whose": whose, **self._names()}
        holes: dict[str, sql.Composable] = {"subject": sql.Literal(user.key)}
        if lease:
            erasures = lease.table("job_erasures")
            holes |= {"erasures": erasures, "run": sql.Literal(lease.run_id)}
        bites = _BITE.format(
            **row,
            skip=sql.SQL(" SKIP LOCKED") if skip_locked else nothing,
            due=self.users.target.predicate,
            out=self.users.out,
            deletes=sql.SQL("\n").join(self._deletes(whose, at, max(1, int(bite)))),
            last_look=_LAST_LOOK.format(
                **row,
                anything=sql.SQL(" OR ").join(self._anything(whose)),
                now=self.users.now,
                finish=_FINISH.format(**holes) if lease else nothing,
            ),
            certify=_CERTIFY.format(**holes) if lease else nothing,
            certified=_CERTIFIED.format(**holes) if lease else sql.SQL("NULL"),
        )
        return Step(bites, declare=_DECLARE.format(at=at))

    def _names(self) -> dict[str, sql.Composable]:
        return {
            "users": self.users.target.table.quoted,
            "key": self.users.key.value(),
            "stamp": sql.Identifier(self.users.stamp.name),
        }

    def _deletes(self, whose: sql.Composable, at: int, bite: int) -> Iterator[sql.Composable]:
        for number, (holding, part) in enumerate(pieces(self.holdings)):
            if number >= at:
                yield _DELETE.format(
                    number=number,
                    name=str(holding.table),
                    bite=bite,
                    row=ROW,
                    part=part.quoted,
                    belongs=holding.belongs(ROW, whose),
                    held=holding.held(ROW),
                    done=_ROUND_BY_ROUND if holding.own else _ALL,
                )

    def _anything(self, whose: sql.Composable) -> Iterator[sql.Composable]:
        for holding in self.holdings:
            if holding.above is None:
                belongs = holding.directly(ROW, whose)
                yield _ANYTHING.format(table=holding.table.quoted, row=ROW, belongs=belongs)
