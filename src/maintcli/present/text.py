"""A report as lines for people and cron's mail."""

from collections.abc import Iterator, Mapping
from typing import Any

from maintcli.present.words import took
from maintcli.runtime.report import Report
from maintcli.work.outlook.words import size

_DULL_AT_ZERO = {
    "blocked_count",
    "cascaded_count",
    "failed_count",
    "kept_count",
    "locked_count",
    "null_count",
    "unlinked_count",
    "bytes_reusable",
    "bytes_returned",
    "throttled_ms",
}
_WOULD = {
    "deleted_count": "would delete",
    "erased_count": "would erase",
    "updated_count": "would update",
    "restored_count": "would restore",
}
_OTHERWISE = {"null_count": "without a time"}
_IN_BYTES = {"bytes_reusable": "reusable about", "bytes_returned": "returned"}


def summary(report: Report, why: str = "") -> str:
    """One line: how it ended, the figures, and how long it took.

    What a run failed of stands in its log, on standard error, and is not said again. `why` is for
    a report that has no log.
    """
    head = f"{report.job}: dry run" if report.dry_run else f"{report.job}: {report.outcome.value}"
    if report.dry_run and not report.success:
        head += f": {report.outcome.value}"
    parts = [head, *([why] if why else [])]
    figures = ", ".join(_figures(report))
    return f"{': '.join([*parts, *([figures] if figures else [])])} ({_end(report)})\n"


def _figures(report: Report) -> Iterator[str]:
    for name, value in report.counts.items():
        if isinstance(value, dict | list) or value is None:
            continue  # for --json
        if not value and name in _DULL_AT_ZERO:
            continue
        if name == "cutoff" and _has_several_cutoffs(report):
            continue  # each rule has its own, and a line in the log
        if name in _IN_BYTES:
            yield f"{_IN_BYTES[name]} {size(value)}"
        elif name == "throttled_ms":
            yield f"throttled {took(value)}"
        else:
            yield f"{_label(name, dry_run=report.dry_run)} {_value(value)}"
    if outlook := report.counts.get("forecast"):
        yield left(outlook)


def _has_several_cutoffs(report: Report) -> bool:
    return len({rule["cutoff"] for rule in report.counts.get("rules", ())}) > 1


def left(forecast: Mapping[str, Any]) -> str:
    """A backlog and what will become of it."""
    about = "about " if forecast["backlog_is_estimate"] else ""
    return f"{about}{forecast['backlog']:,} rows left: {forecast['outlook']}"


def _label(name: str, *, dry_run: bool) -> str:
    if dry_run and name in _WOULD:
        return _WOULD[name]
    return _OTHERWISE.get(name) or name.removesuffix("_count").replace("_", " ")


def _value(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,g}"


def _end(report: Report) -> str:
    seconds = report.duration_ms / 1000
    took = f"{seconds:.1f} s" if seconds >= 1 else f"{report.duration_ms} ms"
    return f"{took}, run {report.run_id}" if report.run_id else took
