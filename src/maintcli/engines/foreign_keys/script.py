"""The PL/pgSQL of one step: collect a group of roots with all below it, remove it, go on."""

from collections.abc import Sequence
from typing import LiteralString

from psycopg import sql

from maintcli.db.catalog.links import Link
from maintcli.db.sqlstate import LOCK_NOT_AVAILABLE, REHEARSED
from maintcli.engines.base.delete import first_eight
from maintcli.engines.foreign_keys import variables as v
from maintcli.engines.foreign_keys.collect import Collect
from maintcli.engines.foreign_keys.graph import Cascade
from maintcli.engines.foreign_keys.remove import Remove
from maintcli.engines.windows.window import Pieces

_MANY = 8  # relations; the statements for so many take longer to plan than those for a row
MOST_NAMED = 20  # rows of a batch that are named one by one

_DECLARE = sql.SQL("""maint_w tid[]; maint_i int := 1; maint_c tid[]; maint_r tid[];
    maint_t tid[]; maint_u tid[]; maint_group int := {group}; maint_bound int := {bound};
    maint_p int; maint_more boolean; maint_gone bigint; maint_began timestamptz;
    maint_locked bigint; maint_blocked bigint; maint_stay bigint := 0; maint_named jsonb := '[]';
    maint_retry boolean; maint_alone boolean; maint_failed bigint := 0; maint_waits int := 0;
    maint_failures jsonb := '[]'; maint_before jsonb; maint_groups int := 0;
    maint_first float8; maint_second float8;
    maint_leaf oid; maint_free tid[]; maint_free_leaves oid[];
    {variables}""")

# Candidates, unlocked, say how far we got. The rows are locked, and looked at again, by a second
# statement: one that was renewed meanwhile is no candidate any more.
_STEP = sql.SQL("""{list}
maint_began := clock_timestamp();
maint_retry := false;
maint_alone := false;
maint_before := maint_named;
maint_c := maint_w[maint_i : maint_i
    + coalesce(least(maint_group, maint_most - maint_n), maint_group)::int - 1];
maint_r := coalesce((SELECT pg_catalog.array_agg(t) FROM (
    SELECT ctid AS t FROM ONLY {part}
    WHERE ctid = ANY (maint_c) AND ({predicate}) FOR UPDATE{skip}
) AS few), '{{}}');
maint_locked := 0;
maint_blocked := 0;
{clear}
{count_locked}
LOOP
{gather}
{drop_locked}
{drop_blocked}
EXIT;
END LOOP;
maint_more := {any_cut};
IF maint_more THEN
{settle}
END IF;""")

_REMOVE = sql.SQL("""IF maint_more THEN
{some}
    maint_group := greatest(1, maint_group / 2);
ELSIF pg_catalog.cardinality(maint_r) > 0 THEN
{whole}
END IF;""")

# Deferred constraints are checked here, as COMMIT cannot say which row they object to. An error
# that no row causes ends the batch. A lock that is met here is one that a trigger waits for.
_ISOLATED = sql.SQL("""BEGIN
{body}
EXCEPTION WHEN SQLSTATE {rehearsed} THEN NULL;
WHEN OTHERS OR assert_failure THEN
    IF left(SQLSTATE, 2) IN ('MT', '08', '40', '53', '57', '58', 'F0', 'XX') THEN
        RAISE;
    END IF;
    maint_named := maint_before;
{undo}
    IF SQLSTATE = {locked} THEN
        maint_waits := maint_waits + 1;
    END IF;
    IF pg_catalog.cardinality(maint_r) > 1 THEN
        maint_retry := true;
        maint_group := CASE WHEN SQLSTATE = {locked} THEN 1
            ELSE greatest(1, pg_catalog.cardinality(maint_c) / 2) END;
    ELSIF SQLSTATE = {locked} THEN
        maint_alone := true;
        maint_locked := maint_locked + 1;
    ELSE
        maint_alone := true;
        maint_failed := maint_failed + 1;
        IF jsonb_array_length(maint_failures) < {most} THEN
            maint_failures := maint_failures || pg_catalog.jsonb_build_array(
                pg_catalog.jsonb_build_array(
                    (SELECT {key} FROM ONLY {part} WHERE ctid = maint_r[1]), SQLSTATE, SQLERRM));
        END IF;
    END IF;
    maint_r := '{{}}';
    maint_more := false;
END;""")

_CHECK_NOW = sql.SQL("SET CONSTRAINTS ALL IMMEDIATE;")

_REHEARSED = sql.SQL("""SET CONSTRAINTS ALL IMMEDIATE;
RAISE EXCEPTION 'rehearsed' USING ERRCODE = {state};""")

# Where that may be most of a batch, more groups follow for a quarter of it, so that they can grow.
_SECOND = sql.SQL("""maint_seconds := greatest(maint_seconds, maint_first / 800.0::float8);""")

# The first group of a message pays for planning: what it took says nothing of the rows. One that
# is cut has so many rows that planning is little beside them.
_ADVANCE = sql.SQL("""maint_groups := maint_groups + 1;
IF maint_more THEN
    maint_groups := 2;
ELSIF maint_groups = 1 THEN
    maint_first := extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000::numeric;
    {second}
ELSIF maint_groups = 2 THEN
    maint_second := extract(epoch FROM clock_timestamp() - maint_began) * 1000::numeric;
END IF;
IF NOT maint_more AND NOT maint_retry THEN
    maint_left := maint_left + maint_locked;
    maint_stay := maint_stay + maint_blocked;
{blocked}
    maint_i := maint_i + pg_catalog.cardinality(maint_c);
    IF pg_catalog.cardinality(maint_c) > 0 THEN
        maint_at := maint_c[pg_catalog.cardinality(maint_c)];
    END IF;
    IF maint_i > pg_catalog.cardinality(maint_w) THEN
        IF pg_catalog.cardinality(maint_w) < {most} THEN
            {done}
        END IF;
        maint_w := NULL;
    END IF;
    maint_group := CASE WHEN maint_alone OR maint_groups < 2 THEN maint_group
        WHEN clock_timestamp() - maint_began < make_interval(secs => maint_seconds / 8.0::float8)
            THEN least({most_roots}, maint_group * 2)
        WHEN clock_timestamp() - maint_began > make_interval(secs => maint_seconds / 4.0::float8)
            THEN greatest(1, maint_group / 2)
        ELSE maint_group END;
END IF;
{end}""")

_COUNT_LOCKED = sql.SQL("""SELECT count(*) - pg_catalog.cardinality(maint_r) INTO maint_locked
FROM ONLY {part} WHERE ctid = ANY (maint_c) AND ({predicate});""")

_GOING = sql.SQL("""IF pg_catalog.cardinality({rows}) > 0 THEN
    {going} := {going} {sign} (SELECT count(*) FROM ONLY {child}
        WHERE ctid = ANY ({rows}) AND ({predicate}));
END IF;""")

_NAME = sql.SQL("""IF NOT maint_more AND jsonb_array_length(maint_named) < {most} THEN
    maint_named := maint_named || coalesce((SELECT pg_catalog.jsonb_agg(few.named) FROM (
        SELECT pg_catalog.jsonb_build_array({columns}) AS named FROM ONLY {part}
        WHERE ctid = ANY (maint_r) LIMIT {most} - jsonb_array_length(maint_named)
    ) AS few), '[]');
END IF;""")

# A function takes a hundred arguments, an array any number.
_EXTRA = sql.SQL("""maint_extra := pg_catalog.json_build_object(
    'members', ARRAY[{members}]::bigint[],
    'unlinked', ARRAY[{unlinked}]::bigint[], 'blockers', ARRAY[{blockers}]::bigint[],
    'blocked', maint_stay, 'named', maint_named, 'group', maint_group, 'failed', maint_failed,
    'failures', maint_failures, 'waits', maint_waits, 'retry', maint_retry,
    'first', maint_first, 'second', maint_second);""")


class Script(v.Names):
    """Writes the steps of a walk. `own` are the members that belong to the swept table.

    `key` is SQL that names a root which cannot go.
    """

    def __init__(
        self,
        cascade: Cascade,
        predicate: sql.Composable,
        own: frozenset[int],
        key: sql.Composable | None = None,
    ) -> None:
        super().__init__(cascade)
        self.predicate, self.own = predicate, own
        self.key = key or sql.SQL("ctid::text")
        self._remover = Remove(cascade, predicate)

    def advance(self, pieces: Pieces, most_roots: int) -> sql.Composable:
        """Go on behind the group, unless there is more below it."""
        return _ADVANCE.format(
            blocked=self._note_blocked(),
            most=pieces.most,
            done=pieces.done,
            most_roots=most_roots,
            second=_SECOND if len(self.cascade.relations) > _MANY else sql.SQL(""),
            end=pieces.end,
        )

    def collect(self, listing: sql.Composable, *, skip: bool) -> sql.Composable:
        """Take the next group of `listing` with all below it, and lock it."""
        part = self.quoted(self.cascade.part)
        nothing, collect = sql.SQL(""), Collect(self.cascade, skip_locked=skip)
        holes = {"part": part, "predicate": self.predicate}
        return _STEP.format(
            **holes,
            list=listing,
            skip=sql.SQL(" SKIP LOCKED") if skip else nothing,
            clear=v.joined(
                sql.SQL("{} := 0;").format(self.blocked_by(link)) for link in self.cascade.blockers
            ),
            count_locked=_COUNT_LOCKED.format(**holes) if skip else nothing,
            gather=collect.gather(),
            drop_locked=collect.drop_locked() if skip else nothing,
            drop_blocked=collect.drop_blocked(),
            any_cut=self.any_cut(),
            settle=self._remover.settle(),
        )

    def name(self, show: Sequence[str], most: int) -> sql.Composable:
        """Keep the first characters of `show` of the first `most` roots."""
        if not show or most <= 0:
            return sql.SQL("")
        part = self.quoted(self.cascade.part)
        columns = sql.SQL(", ").join(first_eight(column) for column in show)
        return _NAME.format(part=part, columns=columns, most=most)

    def remove(self, *, isolated: bool = False) -> sql.Composable:
        """Remove what was collected; if `isolated`, without the rows that object to it."""
        counted = sql.SQL(" + ").join(
            self.counter(oid) for oid in self.cascade.members if oid in self.own
        )
        removed = self._isolated(_CHECK_NOW) if isolated else self._remove(sql.SQL(""))
        going = v.joined(self._going(link) for link in self._own_links)
        return v.joined([going, removed, sql.SQL("maint_n := {};").format(counted)])

    @property
    def _own_links(self) -> list[Link]:
        return [link for link in self.cascade.unlinks if link.child in self.own]

    def _stale_of(self, link: Link) -> sql.Composable:
        return sql.Identifier(f"maint_v{self.cascade.unlinks.index(link)}")

    def _going(self, link: Link, sign: LiteralString = "+") -> sql.Composable:
        """A stale row of the table loses its reference, and is deleted a little later."""
        return _GOING.format(
            sign=sql.SQL(sign),
            going=self._stale_of(link),
            child=self.quoted(link.child),
            rows=self.unlinked(link),
            predicate=self.predicate,
        )

    def rehearse(self) -> sql.Composable:
        """Find out what would object to its removal, and leave it in place."""
        return self._isolated(_REHEARSED.format(state=REHEARSED), rehearsed=True)

    def _remove(self, checked: sql.Composable) -> sql.Composable:
        return _REMOVE.format(
            some=self._remover.some(checked),
            whole=self._remover.whole(checked),
        )

    def _isolated(self, checked: sql.Composable, *, rehearsed: bool = False) -> sql.Composable:
        return _ISOLATED.format(
            body=self._remove(checked),
            undo=v.joined(
                [] if rehearsed else [self._going(link, "-") for link in self._own_links]
            ),
            rehearsed=REHEARSED,
            locked=LOCK_NOT_AVAILABLE,
            most=MOST_NAMED,
            key=self.key,
            part=self.quoted(self.cascade.part),
        )

    def blocked_before(self, rows: Sequence[int]) -> sql.Composable:
        """Set what each blocker has kept so far."""
        return v.joined(
            sql.SQL("{} := {};").format(_blocker_total(number), count)
            for number, count in enumerate(rows)
        )

    def _note_blocked(self) -> sql.Composable:
        return v.joined(
            sql.SQL("    {total} := {total} + {step};").format(
                total=_blocker_total(number), step=self.blocked_by(link)
            )
            for number, link in enumerate(self.cascade.blockers)
        )

    def declare(self, group: int, bound: int | None) -> sql.Composable:
        """The variables of a batch; a step takes `bound` rows of a relation, None all."""
        cascade = self.cascade
        counters = [self.counter(oid) for oid in cascade.members]
        counters += [self.link_counter(link) for link in cascade.unlinks]
        counters += [_blocker_total(number) for number in range(len(cascade.blockers))]
        counters += [self._stale_of(link) for link in self._own_links]
        lines = [sql.SQL("{} bigint := 0;").format(name) for name in counters]
        return _DECLARE.format(
            group=max(1, group),
            bound=bound,
            variables=v.joined([self.declare_names(), *lines]),
        )

    def _unlinked(self, link: Link) -> sql.Composable:
        counted = self.link_counter(link)
        if link.child not in self.own:
            return counted
        return sql.SQL("{} - {}").format(counted, self._stale_of(link))

    def extra(self) -> sql.Composable:
        """Set what the batch did beside the rows of its part: see batch.Below."""
        cascade = self.cascade
        comma = sql.SQL(", ")
        return _EXTRA.format(
            members=comma.join(self.counter(oid) for oid in cascade.members),
            unlinked=comma.join(map(self._unlinked, cascade.unlinks)),
            blockers=comma.join(_blocker_total(n) for n in range(len(cascade.blockers))),
        )


def _blocker_total(number: int) -> sql.Composable:
    return sql.Identifier(f"maint_y{number}")
