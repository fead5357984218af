"""Updating stale rows in bounded batches, for a job that keeps them.

A round lists stale rows by their place in the table (ctid), found in whatever way the planner
likes; its batches update those that are still stale. Rounds continue until one updates nothing:
what is stale by then is locked by other sessions, and is left.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import LiteralString, NamedTuple

from psycopg import sql

from maintcli.db import sqlstate
from maintcli.db.catalog.tables import Column, Part
from maintcli.engines.base import approval, count, forecast, guard, protections, statuses
from maintcli.engines.base.batch import Done, Step
from maintcli.engines.base.guard import Expected
from maintcli.engines.base.options import BATCH_TARGET
from maintcli.engines.base.pacing import Budget, Pace
from maintcli.engines.base.retry import Patience, locked_rows, patiently, send_safely
from maintcli.engines.base.stale import Stale
from maintcli.engines.base.target import Target, find, log_changes
from maintcli.engines.base.throttle import Throttle
from maintcli.engines.update.result import Updated
from maintcli.errors import Fail, Usage
from maintcli.runtime.context import Context
from maintcli.words import moment

LISTED = 10_000  # rows of a round and part; more would only cost memory
FIRST_ROWS = 100
MOST_ROWS = 1_000  # of a batch
_SHARE = 50.0

_LIST = sql.SQL("""SELECT ctid::text, ({kind})::text
FROM ONLY {part} WHERE {predicate} LIMIT {most}""")

_COUNT = sql.SQL("""SELECT ({kind})::text, count(*)
FROM ONLY {part} WHERE {predicate} GROUP BY 1""")

# The condition stands in the UPDATE itself, where READ COMMITTED looks at it again. maint_left:
# rows that are as stale as before, which only a trigger can bring about.
_CHANGE = sql.SQL("""WITH changed AS (
    UPDATE ONLY {part} SET {assignments}
    WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM ONLY {part} WHERE ctid = ANY ({places}::tid[]) AND ({predicate})
        FOR UPDATE SKIP LOCKED
    )) AND ({predicate})
    RETURNING {kind}::text AS kind, ({predicate}) AS stale
), tallied AS (
    SELECT kind, count(*) AS n, count(*) FILTER (WHERE stale) AS stale FROM changed GROUP BY kind
)
SELECT coalesce(sum(n), 0), coalesce(sum(stale), 0),
    pg_catalog.json_agg(pg_catalog.json_build_array(kind, n::text))
INTO maint_n, maint_left, maint_shown FROM tallied;
maint_stop := true;""")


def update(context: Context, wanted: Stale, values: Mapping[str, LiteralString]) -> Updated:
    """Set columns of the rows that `wanted` describes; `values` are SQL without columns,
    with statuses in braces.

    Raises Refused, and what else a sweep raises. An optional table may be missing.
    """
    _refuse_options_for_deleting(context)
    target = patiently(
        Patience(context, done="updated"), partial(find, context, wanted, deleting=False)
    )
    if target is None:
        return Updated(0, 0, 0, 0, "")
    named = {status for value in values.values() for status in statuses.named(value)}
    statuses.check(context, target.table, target.key, target.map, named)
    holes = statuses.holes(target.map, named)
    changes = {
        target.column(name): sql.SQL(value).format(**holes) for name, value in values.items()
    }
    done = run(context, target, changes, kind=target.column(next(iter(values))))
    return Updated(
        updated_count=done.updated,
        locked_count=done.locked,
        null_count=count.nulls(context, target),
        batches=done.batches,
        cutoff=moment(target.cutoff),
    )


def _refuse_options_for_deleting(context: Context) -> None:
    if context.shard is not None:
        raise Usage("--shard divides rows that are deleted; these are updated, by one run.")
    for name, does in (
        ("archive", "keeps rows that are deleted"),
        ("keep_detached", "spares partitions that would be dropped"),
    ):
        setting = context.order.values.get(name)
        if setting is not None and setting.value:
            reason = f"{setting.origin} {does}; these are updated, and stay. Leave it out."
            raise Usage(reason)


def run(
    context: Context, target: Target, changes: Mapping[Column, sql.Composable], *, kind: Column
) -> "RowUpdate":
    """Update the stale rows, unless a guard of the job objects; count them by the new `kind`."""
    protections.check(context, [target.table], event="UPDATE")
    table = str(target.table)
    cast = {column: _cast(column, value) for column, value in changes.items()}
    done = RowUpdate(context, target, cast, kind)
    if context.dry_run:
        with sqlstate.about(target.title):
            done.run()
        _foretell(context, done)
    shown = Expected({table: done.updated})
    if "max_rows" in context.order.values:  # the job has the options of a sweep
        with approval.planning(context, [target], shown if context.dry_run else None):
            patiently(done.patience, partial(_ask, context, target))
        done.budget = Budget(context)
        done.throttle = Throttle(context, target.table.oids, done.budget)
    if not context.dry_run:
        stale = [f"rows of {target.old()}"]
        named = log_changes(context.log, stale, lambda: {table: done.updated}, "update")
        with named, sqlstate.about(target.title):
            done.run()
        _end(context, done)
    return done


def _ask(context: Context, target: Target) -> None:
    """Raise Refused unless every guard lets this through, or a plan that still holds."""
    lost, now = partial(guard.changes, context, [target]), partial(_now, context, target)
    approval.check(context, [target], lost, now)


def _now(context: Context, target: Target) -> Expected:
    """What a dry run would count at this moment."""
    with sqlstate.about(target.title):
        return Expected({str(target.table): count.own(context, target)})


def _foretell(context: Context, done: "RowUpdate") -> None:
    context.backlog = done.updated
    context.counts["updated_count"] = done.updated  # known, should a guard refuse it
    context.log.info(f"would update {done.updated:,} rows of {done.target.old()}")


def _end(context: Context, done: "RowUpdate") -> None:
    context.backlog = done.locked
    if done.locked:
        context.log.warn(locked_rows(done.locked))
    if done.budget and done.budget.spent_on:
        forecast.say(context, [done.target], f"{done.budget.spent_on} is spent")
    if done.throttle and done.throttle.total_ms:
        context.counts["throttled_ms"] = done.throttle.total_ms
        context.counts["throttled_by"] = dict(done.throttle.paused_ms)


def _cast(column: Column, value: sql.Composable) -> sql.Composable:
    """`value` as the column's type, which an enumerated one needs; character would cut it."""
    if column.type == "character":
        return value
    return sql.SQL("({})::{}").format(value, sql.SQL(column.declared))  # pyright: ignore[reportArgumentType]  from the catalog


class Row(NamedTuple):
    """A stale row: where it was when it was listed, and what it would become."""

    place: str
    kind: str


@dataclass(slots=True)
class RowUpdate:
    """One update of the stale rows of `target`, in progress or done.

    `changes` are SQL for the new values, in terms of the old row; `kinds` counts the rows by the
    new value of the column `kind`. `updated` counts all rows, `locked` those that others lock.
    """

    context: Context
    target: Target
    changes: Mapping[Column, sql.Composable]
    kind: Column
    budget: Budget | None = None
    throttle: Throttle | None = None
    kinds: Counter[str] = field(default_factory=Counter[str])
    updated: int = 0
    locked: int = 0
    batches: int = 0
    total: int = field(init=False)  # of the whole run, as the ledger has it
    patience: Patience = field(init=False)
    pace: Pace = field(init=False)

    def __post_init__(self) -> None:
        setting = self.context.order.values
        target = setting["batch_target"].value if "batch_target" in setting else BATCH_TARGET
        share = setting["share"].value if "share" in setting else _SHARE
        self.pace = Pace(target.approx_seconds * 1000, share, FIRST_ROWS)
        self.patience = Patience(self.context, done="updated")
        self.total = self.context.counts.get("updated_count", 0)

    def run(self) -> None:
        """Change what is stale; in a dry run only count it."""
        parts = self.target.table.parts
        if self.context.dry_run:
            for part in parts:
                self._count(part)
            return
        going_on = True
        while going_on:
            self.locked = 0
            # A list, because each part has its round.
            going_on = any([self._round(part) for part in parts]) and not self._spent()  # noqa: C419

    def _count(self, part: Part) -> None:
        query = self._filled(_COUNT, part, kind=self.changes[self.kind])
        for kind, rows in patiently(
            self.patience, partial(self.context.session.read_composed, query)
        ):
            self.kinds[kind] += rows
            self.updated += rows

    def _round(self, part: Part) -> bool:
        """Change up to LISTED rows; whether anything changed."""
        query = self._filled(_LIST, part, kind=self.changes[self.kind], most=LISTED)
        listed = patiently(self.patience, partial(self.context.session.read_composed, query))
        before, done = self.updated, 0
        while done < len(listed) and not self._spent():
            rows = [Row(*row) for row in listed[done : done + self._size()]]
            self._batch(part, rows)
            done += len(rows)
        self.locked += max(0, done - (self.updated - before))
        return self.updated != before

    def _batch(self, part: Part, rows: Sequence[Row]) -> None:
        bite = self._filled(
            _CHANGE,
            part,
            assignments=self._assignments(),
            places=[row.place for row in rows],
            kind=sql.Identifier(self.kind.name),
        )
        step = Step(bite, counter="updated_count")
        done = send_safely(self.patience, self.pace, lambda _skip: step)
        self._note(done, rows)
        if done.left:
            reason = f"{done.left:,} rows of {self.target.table} are as before after an UPDATE"
            raise Fail(f"{reason}; a trigger seems to put them back.")
        rest = self.pace.learn(len(rows), done.server_ms, done.wall_ms)
        self.context.order.progress(self.updated, None)
        if self.throttle:
            self.throttle.wait_if_needed()
        self.context.stop.wait(rest)

    def _size(self) -> int:
        limit = self.budget.limit if self.budget else None
        left = MOST_ROWS if limit is None else limit - self.updated
        return min(int(self.pace.bite), MOST_ROWS, left)

    def _spent(self) -> bool:
        return self.budget is not None and self.budget.spent(self.updated)

    def _note(self, done: Done, rows: Sequence[Row]) -> None:
        self.batches += 1
        total = done.total if self.context.lease else self.total + done.rows
        counted, self.total = total - self.total, total
        self.updated += counted
        self.kinds.update({kind: int(number) for kind, number in done.shown})
        # A COMMIT that counted and was not heard of: what the rows were about to become.
        self.kinds.update(row.kind for row in rows[: max(0, counted - done.rows)])
        # Known from now on, however the run ends.
        self.context.counts |= {"updated_count": self.total, "batches": self.batches}

    def _assignments(self) -> sql.Composable:
        return sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.Identifier(column.name), value)
            for column, value in self.changes.items()
        )

    def _filled(self, query: sql.SQL, part: Part, **holes: object) -> sql.Composable:
        return query.format(part=part.quoted, predicate=self.target.predicate, **holes)
