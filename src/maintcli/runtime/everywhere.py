"""The reports of runs in several databases, put together as one."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from maintcli.errors import Code, Outcome
from maintcli.runtime.report import Report
from maintcli.words import some

_MOST_NAMED = 3


class Told(NamedTuple):
    """The report of a run, and in which database it was."""

    database: str
    report: Report


def together(name: str, told: Sequence[Told], *, code: Code, started_at: datetime) -> Report:
    """One report of all, for those that take one; it has no run id, and sums what adds up."""
    reports = [one.report for one in told]
    bad = [one for one in told if not one.report.success]
    return Report(
        job=name,
        run_id="",
        dry_run=False,
        started_at=started_at,
        outcome=_outcome(reports, code),
        exit_code=code,
        message=_message(bad, len(told)),
        backlog=_sum([report.backlog for report in reports]),
        warnings=[f"{one.database}: {warning}" for one in told for warning in one.report.warnings],
        counts={
            "databases_count": len({one.database for one in told}),
            "failed_databases_count": len(bad),
            "skipped_databases_count": sum(report.outcome is Outcome.SKIPPED for report in reports),
            **_figures(reports),
        },
    )


def _outcome(reports: Sequence[Report], code: Code) -> Outcome:
    """That of the run whose code is the gravest; skipped only where all were."""
    found = [report.outcome for report in reports if report.exit_code == code]
    if code != Code.OK:
        return found[0] if found else Outcome.INTERRUPTED
    return Outcome.SKIPPED if found and set(found) == {Outcome.SKIPPED} else Outcome.SUCCESS


def _message(bad: Sequence[Told], number: int) -> str:
    if not bad:
        return ""
    named = [f"{one.database}: {one.report.message}" for one in bad]
    return f"{len(bad)} of {number} did not succeed: {some(named, _MOST_NAMED, by='; ')}"


def _figures(reports: Sequence[Report]) -> dict[str, Any]:
    """The sums; None where one of the runs could not count in time."""
    summed: Counter[str] = Counter()
    unknown: dict[str, None] = {}
    for report in reports:
        for figure, value in report.counts.items():
            if figure.endswith("_count") and type(value) is int:
                summed[figure] += value
            elif figure.endswith("_count") and value is None:
                unknown[figure] = None
    return {**summed, **unknown}


def _sum(figures: Sequence[int | None]) -> int | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known) if known else None
