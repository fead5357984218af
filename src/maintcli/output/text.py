"""A report as lines for people and cron's mail, and times in words."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from maintcli.engines.base.figures import phrases
from maintcli.runtime.report import Report
from maintcli.words import many, span


def summary(report: Report, why: str = "") -> str:
    """One line: how it ended, the figures, and how long it took.

    What a run failed of stands in its log, on standard error, and is not said again. `why` is for
    a report that has no log.
    """
    return f"{report.job}: {end(report, why)}\n"


def end(report: Report, why: str = "") -> str:
    """The same without the job, for a log that has it on each line."""
    head = "dry run" if report.dry_run else report.outcome.value
    if report.dry_run and not report.success:
        head += f": {report.outcome.value}"
    parts = [head, *([why] if why else [])]
    figures = phrases(report.counts, dry_run=report.dry_run)
    if outlook := report.counts.get("forecast"):
        figures = ", ".join(filter(None, (figures, left(outlook))))
    return f"{': '.join([*parts, *([figures] if figures else [])])} ({_took(report)})"


def left(forecast: Mapping[str, Any]) -> str:
    """A backlog and what will become of it."""
    about = "about " if forecast["backlog_is_estimate"] else ""
    return f"{about}{many(forecast['backlog'])} left: {forecast['outlook']}"


def _took(report: Report) -> str:
    seconds = report.duration_ms / 1000
    took = f"{seconds:.1f} s" if seconds >= 1 else f"{report.duration_ms} ms"
    return f"{took}, run {report.run_id}" if report.run_id else took


def ago(when: datetime | None, now: datetime) -> str:
    """`3 min ago`, or `never`."""
    if when is None:
        return "never"
    return f"{span(max(0.0, (now - when).total_seconds()))} ago"


def ahead(when: datetime | None, now: datetime) -> str:
    """`in 4 min (14:05)`, in UTC and with the day where it is not today; blank for never."""
    if when is None:
        return ""
    clock = f"{when:%H:%M}" if when.date() == now.date() else f"{when:%a %d %b %H:%M}"
    return f"in {span(max(0.0, (when - now).total_seconds()))} ({clock})"


def stamp(when: datetime | None) -> str:
    """A time to the second, in UTC."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if when else ""
