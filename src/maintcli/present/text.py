"""A report as lines for people and cron's mail."""

from typing import Any

from maintcli.runtime.report import Report


def summary(report: Report) -> str:
    """One line: how it ended, the figures, how long it took; what went wrong stands in the log."""
    figures = ", ".join(
        f"{_label(name)} {_value(value)}"
        for name, value in report.counts.items()
        if value is not None
    )
    kind = f"{report.outcome.value} (dry run)" if report.dry_run else report.outcome.value
    took = (
        f"{report.duration_ms / 1000:.1f} s"
        if report.duration_ms >= 1000
        else f"{report.duration_ms} ms"
    )
    text = f"{report.job}: {kind}"
    if figures:
        text += f": {figures}"
    return f"{text} ({took}, run {report.run_id})\n"


def _label(name: str) -> str:
    return name.removesuffix("_count").replace("_", " ")


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
