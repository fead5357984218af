"""`maint history` and `maint show`: past runs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from maintcli.present.table import Table
from maintcli.present.words import stamp, took
from maintcli.runtime.history import PastRun
from maintcli.runtime.whole import Whole

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
            ": ".join(filter(None, (_parts(one), run.message or _figures(run)))),
        )
        for one in found
        for run in (one.run,)
    ]
    yield Table(columns, rows, "No such run is recorded.")


def view_one(found: Whole) -> Iterator[str | Table]:
    """One run, a line a field; then its parts, a line each."""
    known = _data(found.run)
    trace, counts = known.pop("traceback"), dict(known["counts"])
    statements = counts.pop("statements", ())
    for name, value in (known | {"counts": counts}).items():
        yield f"{name.replace('_', ' ')}: {_plain(name, value)}"
    if statements:
        yield from ["statements:", *statements]
    if trace:
        yield from ["traceback:", *trace.splitlines()]
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
            run.message or _figures(run),
        )
        for run in found.runs
    ]
    yield Table(columns, rows)


def _parts(found: Whole) -> str:
    return f"{found.done} of {found.run.parts} parts done" if found.runs else ""


def _figures(run: PastRun) -> str:
    known: Mapping[str, Any] = run.counts or {
        "deleted_count": run.deleted_count,
        "updated_count": run.updated_count,
    }
    return ", ".join(
        f"{name.removesuffix('_count')} {value}"
        for name, value in known.items()
        if name.endswith("_count") and value
    )


def _plain(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    return stamp(value) + " UTC" if name.endswith(("_at", "_for")) else str(value)
