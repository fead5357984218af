"""The PL/pgSQL of one step: collect a group of roots with all below it, remove it, go on."""

from collections.abc import Sequence
from typing import NamedTuple

from psycopg import sql

from maintcli.db.links import Link
from maintcli.work.cascade import drop, gather, remove, settle
from maintcli.work.cascade import variables as v
from maintcli.work.cascade.graph import Cascade
from maintcli.work.cascade.windows import Pieces
from maintcli.work.delete import first_eight

_DECLARE = sql.SQL("""maint_w tid[]; maint_i int := 1; maint_c tid[]; maint_r tid[];
    maint_t tid[]; maint_u tid[]; maint_group int := {group}; maint_bound int := {bound};
    maint_p int; maint_more boolean; maint_gone bigint; maint_began timestamptz;
    maint_locked bigint; maint_blocked bigint; maint_stay bigint := 0; maint_named jsonb := '[]';
    {variables}""")

# Candidates, unlocked, say how far we got. The rows are locked, and looked at again, by a second
# statement: one that was renewed meanwhile is no candidate any more.
_STEP = sql.SQL("""{list}
maint_began := clock_timestamp();
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

_ADVANCE = sql.SQL("""IF NOT maint_more THEN
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
    maint_group := CASE
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
    {going} := {going} + (SELECT count(*) FROM ONLY {child}
        WHERE ctid = ANY ({rows}) AND ({predicate}));
END IF;""")

_NAME = sql.SQL("""IF NOT maint_more AND jsonb_array_length(maint_named) < {most} THEN
    maint_named := maint_named || coalesce((SELECT pg_catalog.jsonb_agg(few.named) FROM (
        SELECT pg_catalog.jsonb_build_array({columns}) AS named FROM ONLY {part}
        WHERE ctid = ANY (maint_r) LIMIT {most} - jsonb_array_length(maint_named)
    ) AS few), '[]');
END IF;""")

_EXTRA = sql.SQL("""maint_extra := pg_catalog.json_build_object(
    'members', pg_catalog.json_build_array({members}),
    'unlinked', pg_catalog.json_build_array({unlinked}),
    'blockers', pg_catalog.json_build_array({blockers}),
    'blocked', maint_stay, 'named', maint_named, 'group', maint_group);""")


class Script(NamedTuple):
    """Writes the steps of a walk. `own` are the members that belong to the swept table."""

    cascade: Cascade
    predicate: sql.Composable
    own: frozenset[int]

    def advance(self, pieces: Pieces, most_roots: int) -> sql.Composable:
        """Go on behind the group, unless there is more below it."""
        return _ADVANCE.format(
            blocked=self._note_blocked(),
            most=pieces.most,
            done=pieces.done,
            most_roots=most_roots,
            end=pieces.end,
        )

    def collect(self, listing: sql.Composable, *, skip: bool) -> sql.Composable:
        part = self.cascade.relations[self.cascade.part].quoted
        nothing = sql.SQL("")
        holes = {"part": part, "predicate": self.predicate}
        return _STEP.format(
            **holes,
            list=listing,
            skip=sql.SQL(" SKIP LOCKED") if skip else nothing,
            clear=v.joined(
                sql.SQL("{} := 0;").format(v.blocked_by(self.cascade, link))
                for link in self.cascade.blockers
            ),
            count_locked=_COUNT_LOCKED.format(**holes) if skip else nothing,
            gather=gather.gather(self.cascade, skip_locked=skip),
            drop_locked=drop.drop_locked(self.cascade) if skip else nothing,
            drop_blocked=drop.drop_blocked(self.cascade),
            any_cut=v.any_cut(self.cascade),
            settle=settle.settle(self.cascade),
        )

    def name(self, show: Sequence[str], most: int) -> sql.Composable:
        """Keep the first characters of `show` of the first `most` roots."""
        if not show or most <= 0:
            return sql.SQL("")
        part = self.cascade.relations[self.cascade.part].quoted
        columns = sql.SQL(", ").join(first_eight(column) for column in show)
        return _NAME.format(part=part, columns=columns, most=most)

    def remove(self) -> sql.Composable:
        """Remove what was collected."""
        counted = sql.SQL(" + ").join(
            remove.counter(self.cascade, oid) for oid in self.cascade.members if oid in self.own
        )
        going = v.joined(self._going(link) for link in self._own_links)
        body = _REMOVE.format(
            some=remove.some(self.cascade, self.predicate),
            whole=remove.whole(self.cascade, self.predicate),
        )
        return v.joined([going, body, sql.SQL("maint_n := {};").format(counted)])

    @property
    def _own_links(self) -> list[Link]:
        return [link for link in self.cascade.unlinks if link.child in self.own]

    def _going(self, link: Link) -> sql.Composable:
        """A stale row of the table loses its reference, and is deleted a little later."""
        return _GOING.format(
            going=_going(self.cascade, link),
            child=self.cascade.relations[link.child].quoted,
            rows=v.unlinked(self.cascade, link),
            predicate=self.predicate,
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
                total=_blocker_total(number), step=v.blocked_by(self.cascade, link)
            )
            for number, link in enumerate(self.cascade.blockers)
        )

    def declare(self, group: int, bound: int | None) -> sql.Composable:
        cascade = self.cascade
        counters = [remove.counter(cascade, oid) for oid in cascade.members]
        counters += [remove.link_counter(cascade, link) for link in cascade.unlinks]
        counters += [_blocker_total(number) for number in range(len(cascade.blockers))]
        counters += [_going(cascade, link) for link in self._own_links]
        lines = [sql.SQL("{} bigint := 0;").format(name) for name in counters]
        return _DECLARE.format(
            group=max(1, group),
            bound=bound,
            variables=v.joined([v.declare(cascade), *lines]),
        )

    def _unlinked(self, link: Link) -> sql.Composable:
        counted = remove.link_counter(self.cascade, link)
        if link.child not in self.own:
            return counted
        return sql.SQL("{} - {}").format(counted, _going(self.cascade, link))

    def extra(self) -> sql.Composable:
        cascade = self.cascade
        comma = sql.SQL(", ")
        return _EXTRA.format(
            members=comma.join(remove.counter(cascade, oid) for oid in cascade.members),
            unlinked=comma.join(map(self._unlinked, cascade.unlinks)),
            blockers=comma.join(_blocker_total(n) for n in range(len(cascade.blockers))),
        )


def _going(cascade: Cascade, link: Link) -> sql.Composable:
    return sql.Identifier(f"maint_v{cascade.unlinks.index(link)}")


def _blocker_total(number: int) -> sql.Composable:
    return sql.Identifier(f"maint_y{number}")
