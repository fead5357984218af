"""`maint history` and `maint show`: past runs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from maintcli.present.table import Table
from maintcli.present.words import stamp, took
from maintcli.runtime.history import PastRun

_SHORT = 13  # the part of a run id that is its time, to the millisecond


def data(run: PastRun) -> dict[str, Any]:
    """For --json."""
    return {**asdict(run), "duration_ms": run.duration_ms}


def view(runs: Sequence[PastRun]) -> Iterator[str | Table]:
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
            run.message or _figures(run),
        )
        for run in runs
    ]
    yield Table(columns, rows, "No such run is recorded.")


def view_one(run: PastRun) -> Iterator[str | Table]:
    """One run, a line a field."""
    for name, value in data(run).items():
        yield f"{name.replace('_', ' ')}: {_plain(name, value)}"


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
