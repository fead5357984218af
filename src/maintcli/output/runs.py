"""Past runs (`maint history`, `maint show`), and runs in several databases."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from maintcli.engines.base.figures import label, phrases, said
from maintcli.errors import Outcome
from maintcli.output.out import as_json, put
from maintcli.output.table import Table
from maintcli.output.text import stamp, summary
from maintcli.runtime.history import PastRun
from maintcli.runtime.report import Report
from maintcli.runtime.whole import Told, Whole
from maintcli.words import took

_FIGURES_AND_TRACE = {"batches", "counts", "deleted_count", "updated_count", "traceback"}
_SHORT = 13  # the part of a run id that is its time, to the millisecond


def data(found: Whole) -> dict[str, Any]:
    """For --json; a run that was shared has its parts under `runs`."""
    runs = [_data(run) for run in found.runs]
    return _data(found.run) | ({"parts_done": found.done, "runs": runs} if runs else {})


def _data(run: PastRun) -> dict[str, Any]:
    return {**asdict(run), "duration_ms": run.duration_ms}


def view(found: Sequence[Whole]) -> Iterator[str | Table]:
    """Many runs, a line each."""
    columns = ("run", "job", "started (utc)", "took", "outcome", "exit", "what")
    rows = [
        (
            run.run_id[:_SHORT],
            run.job,
            stamp(run.started_at),
            took(run.duration_ms),
            run.outcome,
            "" if run.exit_code is None else str(run.exit_code),
            _told(_parts(one), run),
        )
        for one in found
        for run in (one.run,)
    ]
    yield Table(columns, rows, "No such run is recorded.")


def view_one(found: Whole) -> Iterator[str | Table]:
    """One run, a line a field, a line a figure; then its parts, a line each."""
    for name, value in _data(found.run).items():
        if name not in _FIGURES_AND_TRACE:
            yield f"{name.replace('_', ' ')}: {_plain(name, value)}"
    yield from (f"{name}: {value}" for name, value in said(_counts(found.run)))
    yield from (
        f"{label(name)}: {_plain(name, value)}"
        for name, value in _counts(found.run).items()
        if value and isinstance(value, Mapping | list) and name != "statements"
    )
    if statements := found.run.counts.get("statements"):
        yield from ["statements:", *statements]
    if found.run.traceback:
        yield from ["traceback:", *found.run.traceback.splitlines()]
    if not found.runs:
        return
    yield f"parts done: {found.done}"
    columns = ("part", "run", "started (utc)", "took", "outcome", "exit", "on", "what")
    rows = [
        (
            f"{run.part}/{run.parts}",
            run.run_id,
            stamp(run.started_at),
            took(run.duration_ms),
            run.outcome,
            "" if run.exit_code is None else str(run.exit_code),
            run.runner_id,
            _told("", run),
        )
        for run in found.runs
    ]
    yield Table(columns, rows)


def _parts(found: Whole) -> str:
    return f"{found.done} of {found.run.parts} parts done" if found.runs else ""


def _told(head: str, run: PastRun) -> str:
    """Why it ended so, and what it did: a run that failed half-way has both."""
    counted = {n: v for n, v in _counts(run).items() if n.endswith("_count")}
    failed = run.outcome != Outcome.SUCCESS  # what a success did, its figures say
    message = (run.message or "").rstrip(".") if failed else ""
    return ": ".join(filter(None, (head, message, phrases(counted))))


def _counts(run: PastRun) -> Mapping[str, Any]:
    """Its figures; until its end those that each batch brings up to date."""
    kept = {name: getattr(run, name) for name in ("deleted_count", "updated_count", "batches")}
    return {name: value for name, value in kept.items() if value} | dict(run.counts)


def _plain(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, Mapping | list):
        return json.dumps(value, ensure_ascii=False)
    return stamp(value) + " UTC" if name.endswith(("_at", "_for")) else str(value)


def put_line(told: Told, *, quiet: bool) -> None:
    """Print how one run ended, as soon as it has."""
    if not (quiet and told.report.success):
        put(f"{told.database}: {summary(told.report)}")


def put_whole(
    whole: Report, told: Sequence[Told], rest: Sequence[str], given: Mapping[str, Any]
) -> None:
    """Print the end of all, with `rest` the databases that were not begun."""
    if given.get("json"):
        put(as_json(data_of_all(whole, told, rest)))
    elif not (given.get("quiet") and whole.success):
        bad = dict.fromkeys(one.database for one in told if not one.report.success)
        number = len({one.database for one in told})
        why = f"{len(bad)} of {number} did not succeed ({', '.join(bad)})" if bad else ""
        put(summary(whole, why))


def data_of_all(whole: Report, told: Sequence[Told], rest: Sequence[str]) -> dict[str, Any]:
    """For --json: the sums, then every report with its database."""
    head = {name: value for name, value in whole.as_dict().items() if name != "run_id"}
    reports = [{"database": one.database, **one.report.as_dict()} for one in told]
    return {**head, "databases": reports, "not_started": list(dict.fromkeys(rest))}
