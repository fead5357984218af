"""`maint readyz`: the checks behind its exit code."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from maintcli.present.words import span
from maintcli.runtime.readyz import Check

_UNHEEDED = "what is stale decides only with JOBS_ENABLED, JOB_HEARTBEAT_REQUIRED or --strict"


def data(status: str, checks: Sequence[Check], problem: str | None) -> dict[str, Any]:
    """For --json."""
    shown = [{k: v for k, v in asdict(check).items() if v != "" or k != "note"} for check in checks]
    return {"status": status, "checks": shown} | ({"message": problem} if problem else {})


def view(status: str, checks: Sequence[Check]) -> Iterator[str]:
    """As text: the status, then a line a check."""
    unheeded = status == "ok" and not all(check.ok for check in checks)
    yield f"{status}: {_UNHEEDED}" if unheeded else status
    for check in checks:
        yield f"{_mark(check)} {check.name}: {_age(check)}"


def _mark(check: Check) -> str:
    if check.ok:
        return "ok   "
    return "STALE" if check.required else "stale"


def _age(check: Check) -> str:
    limit = f"limit {span(check.threshold_seconds)}"
    if check.age_seconds is None:
        return f"{check.note or 'never'} ({limit})"
    on = f" on {check.runner_id}" if check.runner_id else ""
    note = f", {check.note}" if check.note else ""
    return f"{span(check.age_seconds)} ago{on} ({limit}{note})"
