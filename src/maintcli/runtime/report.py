"""What a run has to say at its end: one object for people, JSON, ledger and observers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, cast

from maintcli.errors import Code, Outcome
from maintcli.words import many, some

_MOST_NAMED = 3  # databases in one sentence
# What a run has done, by its figures; what it did of which things, as the sentence says it.
_DEEDS = {
    "erased_count": ("erase", "user"),
    "deleted_count": ("delete", "row"),
    "updated_count": ("update", "row"),
    "requeued_count": ("requeue", "job"),
    "restored_count": ("restore", "row"),
}


@dataclass(kw_only=True)
class Report:
    """A run's end. `counts` are the job's own figures; JSON shows them flat beside the rest.

    `message` is a sentence, whatever the outcome. `backlog` is the number of items that were due
    and are left, None where that is unknown. `shard` (`0/4`) and `run_group` are blank for a run
    that is a whole.
    `retention` are the ages that it swept by, once its guards let it. `is_recorded` once the ledger
    has a row of it; `ledger_missing` where it should have one, and the work was done without.
    `statements` are SQL that mends what `message` says. `traceback` is for the ledger alone, and
    empty but for a bug. `previous_outcome` and `consecutive_failures` are what the ledger said at
    the end, so that observers can tell a change from good to bad: see ledger.Ended.
    """

    job: str
    run_id: str
    dry_run: bool
    started_at: datetime
    outcome: Outcome = Outcome.SUCCESS
    exit_code: Code = Code.OK
    message: str = ""
    duration_ms: int = 0
    backlog: int | None = None
    statements: list[str] = field(default_factory=list[str])
    warnings: list[str] = field(default_factory=list[str])
    counts: dict[str, Any] = field(default_factory=dict[str, Any])
    retention: dict[str, str] = field(default_factory=dict[str, str])
    lease_lost: bool = False
    shard: str = ""
    run_group: str = ""
    is_recorded: bool = False
    ledger_missing: bool = False
    traceback: str = ""
    consecutive_failures: int | None = None
    previous_outcome: str | None = None

    @property
    def success(self) -> bool:
        """Whether the process exits with 0."""
        return self.exit_code == Code.OK

    @property
    def remedy(self) -> dict[str, list[str]]:
        """The statements that mend what the message says, where there are any."""
        return {"statements": self.statements} if self.statements else {}

    def as_dict(self) -> dict[str, Any]:
        """The JSON object of `--json`, its order being the order of reading."""
        return {
            "job": self.job,
            "run_id": self.run_id,
            "success": self.success,
            "outcome": self.outcome.value,
            "exit_code": int(self.exit_code),
            "message": self.message,
            **self.remedy,
            "started_at": self.started_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "duration_ms": self.duration_ms,
            "dry_run": self.dry_run,
            "backlog": self.backlog,
            "warnings": self.warnings,
            **({"recorded": False} if self.ledger_missing else {}),
            **({"shard": self.shard} if self.shard else {}),
            **({"run_group": self.run_group} if self.run_group else {}),
            **self.counts,
        }


def sentence(counts: Mapping[str, Any], *, backlog: int | None, dry_run: bool) -> str:
    """What a run that succeeded did, and what it left: `Deleted 30,056 rows from a.b; 5 remain.`"""
    if dry_run and any(name in counts and counts[name] is None for name in _DEEDS):
        return "There is more to do than could be counted in time."
    deeds = [_deed(name, counts, dry_run=dry_run) for name in _DEEDS if counts.get(name)]
    if not (said := ", ".join(deeds)):
        said = "there was nothing to do" if counts.keys() & _DEEDS.keys() else _finished(counts)
    left = f"; {backlog:,} remain" if backlog and not dry_run else ""
    return f"{said[0].upper()}{said[1:]}{left}."


def _deed(name: str, counts: Mapping[str, Any], *, dry_run: bool) -> str:
    verb, things = _DEEDS[name]
    count, found = many(counts[name], things), counts.get("tables")
    tables = cast("Mapping[str, Any]", found if isinstance(found, Mapping) else {})
    where = f" from {next(iter(tables))}" if len(tables) == 1 else ""
    done = f"would {verb}" if dry_run else f"{verb}d"
    return f"{done} {count}{where if name == 'deleted_count' else ''}"


def _finished(counts: Mapping[str, Any]) -> str:
    """Of a job with figures of its own."""
    figures = [
        f"{name.removesuffix('_count').replace('_', ' ')} {value:,}"
        for name, value in counts.items()
        if type(value) is int
    ]
    return f"finished: {', '.join(figures)}" if figures else "finished"


class Told(NamedTuple):
    """The report of a run, and in which database it was."""

    database: str
    report: Report


def together(name: str, told: Sequence[Told], *, code: Code, started_at: datetime) -> Report:
    """One report of all, for those that take one; it has no run id, and sums what adds up."""
    reports = [one.report for one in told]
    bad = [one for one in told if not one.report.success]
    counts, backlog = _figures(reports), _sum([report.backlog for report in reports])
    return Report(
        job=name,
        run_id="",
        dry_run=False,
        started_at=started_at,
        outcome=_outcome(reports, code),
        exit_code=code,
        message=_message(bad, len(told)) or sentence(counts, backlog=backlog, dry_run=False),
        backlog=backlog,
        warnings=[f"{one.database}: {warning}" for one in told for warning in one.report.warnings],
        counts={
            "databases_count": len({one.database for one in told}),
            "failed_databases_count": len(bad),
            "skipped_databases_count": sum(report.outcome is Outcome.SKIPPED for report in reports),
            **counts,
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
