"""The backlog that a run leaves, and the forecast of when it will be gone."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from maintcli.engines.base import count
from maintcli.engines.base.target import Target
from maintcli.runtime import history
from maintcli.runtime.context import Context
from maintcli.words import many, span

_MOST = 1_000_000
_SECONDS = 2.0
_SAMPLE_BLOCKS = 512


class Run(NamedTuple):
    """A run that ended at `ended_at` and left `backlog` rows (None: unknown).

    `seconds` is how long it took; `unfinished`: a budget, a time limit or an error ended it.
    """

    ended_at: datetime
    seconds: float
    deleted: int
    backlog: int | None
    unfinished: bool


@dataclass(frozen=True, slots=True)
class Forecast:
    """A backlog and its forecast. Rates are in rows an hour, None where unknown.

    `inflow_per_hour` are rows that became stale, `cleared_per_hour` what the runs delete at the
    schedule they had, both since an earlier run with a known backlog. `pace_per_hour` is this
    run's own speed. `clears_in_seconds` is None where it never catches up, or is unknown.
    """

    backlog: int
    backlog_is_estimate: bool
    rows_this_run: int
    pace_per_hour: int | None
    inflow_per_hour: int | None = None
    cleared_per_hour: int | None = None
    catches_up: bool | None = None
    clears_in_seconds: int | None = None

    @property
    def outlook(self) -> str:
        """The forecast as a clause."""
        if self.catches_up is None:
            return "after the next run maint can estimate when they will be gone"
        rates = f"{self.inflow_per_hour:,} rows an hour come in, {self.cleared_per_hour:,} go"
        if self.clears_in_seconds is None:
            return f"never catches up: {rates}"
        return f"clears in {span(self.clears_in_seconds)} at this schedule ({rates})"

    def as_dict(self) -> dict[str, Any]:
        """For the report and the ledger."""
        return {**asdict(self), "outlook": self.outlook}


def say(context: Context, targets: Sequence[Target], why: str) -> None:
    """Measure the backlog of `targets` and put it, with its forecast, into report and log.

    `why` says, as a clause, what ended the run before its work was done.
    """
    left = _measure(context, targets)
    context.backlog = left.rows if left else None
    if left is None:
        context.log.info(f"{why}; counting the rows that are left takes too long")
        return
    about = "about " if left.is_estimate else ""
    if not left.rows:
        context.log.info(f"{why}; no stale rows left")
        return
    found = _make(context, left.rows, estimated=left.is_estimate)
    context.counts["forecast"] = found.as_dict()
    context.log.info(f"{why}; {about}{many(left.rows, 'stale row')} left: {found.outlook}")


def forecast(this: Run, past: Sequence[Run], *, estimated: bool = False) -> Forecast:
    """The forecast at the end of `this` run; `past` are those before it, the newest first.

    Between two known backlogs, what came in is the difference plus all that was deleted in between.
    """
    backlog = this.backlog or 0
    pace = round(this.deleted / this.seconds * 3600) if this.seconds > 0 else None
    since, first = _since(this, past)
    hours = (this.ended_at - first.ended_at).total_seconds() / 3600
    if hours <= 0:
        return Forecast(backlog, estimated, this.deleted, pace)
    came_in = backlog - (first.backlog or 0) + sum(run.deleted for run in since)
    inflow = max(0.0, came_in / hours)
    cleared = _cleared(since) * len(since) / hours
    net = cleared - inflow
    return Forecast(
        backlog,
        estimated,
        this.deleted,
        pace,
        round(inflow),
        round(cleared),
        catches_up=net > 0,
        clears_in_seconds=round(backlog / net * 3600) if net > 0 else None,
    )


def _since(this: Run, past: Sequence[Run]) -> tuple[list[Run], Run]:
    """The runs up to `this`, after the oldest whose backlog is known, and that one."""
    known = [number for number, run in enumerate(past) if run.backlog is not None]
    if not known:
        return [this], this
    return [this, *past[: known[-1]]], past[known[-1]]


def _cleared(runs: Sequence[Run]) -> float:
    """Rows per run, of unfinished runs: another one shows no limit of what it could delete."""
    limited = [run.deleted for run in runs if run.unfinished]
    return sum(limited) / len(limited) if limited else 0.0


def _make(context: Context, backlog: int, *, estimated: bool) -> Forecast:
    """The forecast of a run that ends now with `backlog` rows left, by the run history."""
    this, past = _runs(context, backlog)
    return forecast(this, past, estimated=estimated)


def _runs(context: Context, backlog: int) -> tuple[Run, list[Run]]:
    """This run as it stands, and those before it; without a ledger there are none."""
    deleted = context.counts.get("deleted_count", 0)
    seconds = context.deadline.seconds - context.deadline.left
    now, past = datetime.now(UTC), list[Run]()
    if context.lease is not None:
        found = history.before(context.session, context.lease, context.retention)
        now = found[0][0] if found else now
        past = [Run(*row[1:]) for row in found if row[1] is not None]
    return Run(now, seconds, deleted, backlog, unfinished=True), past


class Backlog(NamedTuple):
    """Stale rows that are left; `is_estimate` where only a sample of blocks was looked at."""

    rows: int
    is_estimate: bool


def _measure(context: Context, targets: Sequence[Target]) -> Backlog | None:
    """The stale rows of all `targets`; None if even a sample takes too long."""
    whole = Backlog(0, is_estimate=False)
    for target in targets:
        found = _of(context, target)
        if found is None:
            return None
        whole = Backlog(whole.rows + found.rows, whole.is_estimate or found.is_estimate)
    return whole


def _of(context: Context, target: Target) -> Backlog | None:
    counted = count.aside(context, target, target.predicate, most=_MOST, seconds=_SECONDS)
    if counted is not None:
        return Backlog(counted, is_estimate=False)
    try:
        return Backlog(_sampled(context, target), is_estimate=True)
    except (psycopg.errors.QueryCanceled, psycopg.errors.FeatureNotSupported):
        context.stop.check()
        return None  # no time, or rows that are not stored in a heap


def _sampled(context: Context, target: Target) -> int:
    """Stale rows a block, in blocks chosen at random, times the blocks."""
    rows = 0.0
    for part in target.table.parts:
        percent = min(100.0, 100.0 * _SAMPLE_BLOCKS / max(part.blocks, 1))
        query = sql.SQL(
            "SELECT count(*) FROM ONLY {part} TABLESAMPLE SYSTEM ({percent}) WHERE {predicate}"
        ).format(part=part.quoted, percent=percent, predicate=target.predicate)
        ((found,),) = context.session.read_composed(query, statement_seconds=_SECONDS)
        rows += found * 100.0 / percent
    digits = len(str(int(rows)))
    return int(round(rows, 2 - digits))  # a sample gives two of them at most
