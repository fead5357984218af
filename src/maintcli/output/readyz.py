"""`maint readyz`: the checks behind its exit code."""

from collections.abc import Iterator, Sequence
from typing import Any

from maintcli.output.words import span
from maintcli.runtime.readyz import Check


def data(status: str, checks: Sequence[Check], problem: str | None) -> dict[str, Any]:
    """For --json."""
    return {"status": status, "checks": [_check(check) for check in checks]} | (
        {"message": problem} if problem else {}
    )


def _check(check: Check) -> dict[str, Any]:
    return {
        "name": check.name,
        "ok": check.ok,
        "age_seconds": check.age_seconds,
        "threshold_seconds": check.threshold_seconds,
        "runner_id": check.runner_id,
    } | ({"note": check.note} if check.note else {})


def view(status: str, checks: Sequence[Check]) -> Iterator[str]:
    """As text: the status, then a line a check."""
    yield status
    for check in checks:
        yield f"{_mark(check)} {check.name}: {_age(check)}"


def _mark(check: Check) -> str:
    if check.ok:
        return "ok    "
    return "FAILED" if check.failed else "STALE "


def _age(check: Check) -> str:
    limit = f"limit {span(check.threshold_seconds)}"
    if check.age_seconds is None:
        return f"{check.note or 'never'} ({limit})"
    on = f" on {check.runner_id}" if check.runner_id else ""
    note = f", {check.note}" if check.note else ""
    return f"{span(check.age_seconds)} ago{on} ({limit}{note})"
