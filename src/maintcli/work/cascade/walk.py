"""Walking a part whose rows others refer to: group after group of roots, each with all below it."""

from collections.abc import Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

from psycopg import sql

from maintcli.runtime.context import Context
from maintcli.runtime.session import STATEMENT_CAP_SECONDS
from maintcli.work import stripes
from maintcli.work.batch import Done, Step, first_eight
from maintcli.work.cascade import drop, gather, graph, remove, settle
from maintcli.work.cascade import variables as v
from maintcli.work.cascade.graph import Cascade
from maintcli.work.cascade.windows import Blocks, Pieces, Values, Windows
from maintcli.work.plan import Plan, Way
from maintcli.work.tally import Rule, Tally
from maintcli.work.task import Task

if TYPE_CHECKING:
    from maintcli.work.archive.archive import Archive

MOST_ROOTS = 1_024

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
maint_r := coalesce((SELECT array_agg(t) FROM (
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
ELSIF maint_r <> '{{}}' THEN
{whole}
END IF;""")

_ADVANCE = sql.SQL("""IF NOT maint_more THEN
    maint_left := maint_left + maint_locked;
    maint_stay := maint_stay + maint_blocked;
{blocked}
    maint_i := maint_i + cardinality(maint_c);
    IF maint_c <> '{{}}' THEN
        maint_at := maint_c[cardinality(maint_c)];
    END IF;
    IF maint_i > cardinality(maint_w) THEN
        IF cardinality(maint_w) < {most} THEN
            {done}
        END IF;
        maint_w := NULL;
    END IF;
    maint_group := CASE
        WHEN clock_timestamp() - maint_began < make_interval(secs => maint_seconds / 8)
            THEN least({most_roots}, maint_group * 2)
        WHEN clock_timestamp() - maint_began > make_interval(secs => maint_seconds / 4)
            THEN greatest(1, maint_group / 2)
        ELSE maint_group END;
END IF;
{end}""")

_COUNT_LOCKED = sql.SQL("""SELECT count(*) - cardinality(maint_r) INTO maint_locked
FROM ONLY {part} WHERE ctid = ANY (maint_c) AND ({predicate});""")

_NAME = sql.SQL("""IF NOT maint_more AND jsonb_array_length(maint_named) < {most} THEN
    maint_named := maint_named || coalesce((SELECT jsonb_agg(few.named) FROM (
        SELECT jsonb_build_array({columns}) AS named FROM ONLY {part}
        WHERE ctid = ANY (maint_r) LIMIT {most} - jsonb_array_length(maint_named)
    ) AS few), '[]');
END IF;""")

_EXTRA = sql.SQL("""maint_extra := json_build_object('members', json_build_array({members}),
    'unlinked', json_build_array({unlinked}), 'blockers', json_build_array({blockers}),
    'blocked', maint_stay, 'named', maint_named, 'group', maint_group);""")


class ClosureWalk:
    """Walks a part that foreign keys refer to.

    With `final` roots, rows below may go in batches before them; else each root goes with all that
    is below it in one transaction. `own` are the members that belong to the swept table.
    """

    def __init__(
        self,
        cascade: Cascade,
        predicate: sql.Composable,
        windows: Windows,
        *,
        final: bool,
        own: frozenset[int],
    ) -> None:
        self.cascade, self.predicate, self.windows = cascade, predicate, windows
        self.final, self.own = final, own
        self.group = 1
        self.most_roots = MOST_ROOTS
        self.limit = v.LIMIT
        self.skip_always = False

    @property
    def first_bite(self) -> float:
        """Blocks or rows of the first window."""
        return self.windows.first_bite

    @property
    def finished(self) -> bool:
        """Whether every root was met."""
        return self.windows.finished

    @property
    def progress(self) -> float | None:
        """The share of the way that is behind."""
        return self.windows.progress

    def take_whole(self) -> bool:
        """From now on leave no root without what is below it; False where that was so already."""
        before, self.final = self.final, False
        return before

    def step(
        self,
        bite: float,
        *,
        skip_locked: bool,
        show: Sequence[str],
        most_shown: int,
        limited: bool = False,
    ) -> Step:
        """The next batch; `limited` is no matter, for every group is kept to maint_most."""
        del limited
        skip = skip_locked or self.skip_always
        pieces = self.windows.pieces(bite)
        group = 1 if skip_locked else self.group  # what met a lock or a limit is tried in small
        named = self.name(show, most_shown)
        return Step(
            self.body(pieces, named, skip=skip),
            self.windows.settings,
            sql.SQL(" ").join([pieces.declare, self.declare(group)]),
            seconds=None if self.final else STATEMENT_CAP_SECONDS,
        )

    def window(self, done: Done) -> "ClosureWalk":
        """The same way again, for the rows that were locked."""
        again = copy(self)
        again.windows, again.skip_always = self.windows.again(done.end), True
        return again

    def advance(self, done: Done) -> float:
        """Go on behind the batch; return its blocks or rows."""
        self.group = int(done.extra["group"]) if done.extra else self.group
        return self.windows.advance(done.end) or done.rows

    def tell(self, tally: Tally, rule: Rule, extra: Mapping[str, Any]) -> None:
        """Have what a batch did beside its own rows added up."""
        tally.add(rule, self.cascade, self.own, extra)

    def body(self, pieces: Pieces, named: sql.Composable, *, skip: bool) -> sql.Composable:
        """What is repeated: one group of roots."""
        return v.joined(
            [
                self.collect(pieces.list, skip=skip),
                named,
                self.remove(),
                self.advanced(pieces),
                self.extra(),
            ]
        )

    def advanced(self, pieces: Pieces) -> sql.Composable:
        """Go on behind the group, unless there is more below it."""
        return _ADVANCE.format(
            blocked=self._note_blocked(),
            most=pieces.most,
            done=pieces.done,
            most_roots=self.most_roots,
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
        body = _REMOVE.format(
            some=remove.some(self.cascade, self.predicate),
            whole=remove.whole(self.cascade, self.predicate),
        )
        return v.joined([body, sql.SQL("maint_n := {};").format(counted)])

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

    def declare(self, group: int) -> sql.Composable:
        cascade = self.cascade
        counters = [remove.counter(cascade, oid) for oid in cascade.members]
        counters += [remove.link_counter(cascade, link) for link in cascade.unlinks]
        counters += [_blocker_total(number) for number in range(len(cascade.blockers))]
        lines = [sql.SQL("{} bigint := 0;").format(name) for name in counters]
        return _DECLARE.format(
            group=max(1, group),
            bound=self.limit if self.final else None,
            variables=v.joined([v.declare(cascade), *lines]),
        )

    def extra(self) -> sql.Composable:
        cascade = self.cascade
        comma = sql.SQL(", ")
        return _EXTRA.format(
            members=comma.join(remove.counter(cascade, oid) for oid in cascade.members),
            unlinked=comma.join(remove.link_counter(cascade, k) for k in cascade.unlinks),
            blockers=comma.join(_blocker_total(n) for n in range(len(cascade.blockers))),
        )


def _blocker_total(number: int) -> sql.Composable:
    return sql.Identifier(f"maint_y{number}")


def through(
    context: Context, task: Task, chosen: Plan, archive: "Archive | None"
) -> ClosureWalk | None:
    """The walk through the part of `chosen`; None where a simple one will do."""
    part, target = chosen.part, task.target
    cascade = graph.below(part.oid, task.links, alone=archive is not None)
    if cascade is None:
        return None
    windows: Windows
    if chosen.way is Way.HEAP:
        mine = stripes.share(context.shard, part.oid)
        windows = Blocks(part.quoted, target.predicate, part.blocks, mine)
    else:
        kind = sql.SQL(target.by.type)  # pyright: ignore[reportArgumentType]  from the catalog
        windows = Values(part.quoted, target.predicate, target.by.name, kind, target.bound)
    own = frozenset(part.oid for part in target.table.parts)
    if archive is None:
        return ClosureWalk(cascade, target.predicate, windows, final=target.final, own=own)
    from maintcli.work.cascade.archived import ArchivedWalk

    walk = ArchivedWalk(cascade, target.predicate, windows, final=target.final, own=own)
    return walk.keep_in(archive, context)
