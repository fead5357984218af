"""A report as lines for people and cron's mail."""

from collections.abc import Iterator
from typing import Any

from maintcli.runtime.report import Report

_DULL_AT_ZERO = {"locked_count", "null_count"}


def summary(report: Report) -> str:
    """One line: how it ended, what for, the figures, and how long it took."""
    head = f"{report.job}: dry run" if report.dry_run else f"{report.job}: {report.outcome.value}"
    if report.dry_run and not report.success:
        head += f": {report.outcome.value}"
    parts = [head, *([report.message.rstrip(".")] if report.message else [])]
    figures = ", ".join(_figures(report))
    return f"{': '.join([*parts, *([figures] if figures else [])])} ({_end(report)})\n"


def _figures(report: Report) -> Iterator[str]:
    for name, value in report.counts.items():
        if isinstance(value, dict | list) or value is None:
            continue  # for --json
        if value or name not in _DULL_AT_ZERO:
            yield f"{_label(name, dry_run=report.dry_run)} {_value(value)}"


def _label(name: str, *, dry_run: bool) -> str:
    if dry_run and name == "deleted_count":
        return "would delete"
    return name.removesuffix("_count").replace("_", " ")


def _value(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,g}"


def _end(report: Report) -> str:
    seconds = report.duration_ms / 1000
    took = f"{seconds:.1f} s" if seconds >= 1 else f"{report.duration_ms} ms"
    return f"{took}, run {report.run_id}"
