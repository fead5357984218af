"""Several runs as one: the parts that shared a table, or one job in several databases."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from maintcli.errors import Code, Outcome, gravest
from maintcli.runtime.history import PastRun
from maintcli.runtime.report import Report, sentence
from maintcli.words import some

_INCOMPLETE = "incomplete"
_MOST_NAMES = 3  # hosts, or databases, in one sentence
_NOT_SUMMED = {"null_count", "remaining_count"}  # of the whole table, in each part's figures


@dataclass(frozen=True, slots=True)
class Whole:
    """`run` is all of it together, `runs` are its parts, each in the order of their tries.

    `runs` is empty for a run that was not divided.
    """

    run: PastRun
    runs: tuple[PastRun, ...] = ()

    @property
    def done(self) -> int:
        """How many parts have succeeded."""
        return len({run.part for run in self.runs if run.outcome == Outcome.SUCCESS})


def wholes(runs: Sequence[PastRun]) -> list[Whole]:
    """`runs`, newest first, with parts put together; a whole stands where its newest run stood."""
    found: dict[object, list[PastRun]] = {}
    for run in runs:
        key = (run.job, run.run_group, run.parts) if run.run_group else run.run_id
        found.setdefault(key, []).append(run)
    return [_whole(members) for members in found.values()]


def _whole(members: Sequence[PastRun]) -> Whole:
    newest = members[0]
    if newest.run_group is None:
        return Whole(newest)
    runs = tuple(sorted(members, key=lambda run: (run.part, run.started_at, run.run_id)))
    first = min(runs, key=lambda run: (run.started_at, run.run_id))
    last = list({run.part: run for run in runs}.values())
    outcome, decisive = _standing(last, newest.parts or 0)
    ended = [run.finished_at for run in last if run.finished_at]
    counts = _counts(runs)
    together = replace(
        first,
        outcome=outcome,
        exit_code=decisive.exit_code if decisive else None,
        message=_said(decisive, counts) if decisive else None,
        traceback=decisive.traceback if decisive else None,
        finished_at=max(ended) if ended and decisive else None,
        host=_names(run.host for run in runs),
        runner_id=_names(run.runner_id for run in runs),
        parameters={name: v for name, v in first.parameters.items() if name != "shard"},
        batches=sum(run.batches for run in runs),
        deleted_count=sum(run.deleted_count for run in runs),
        updated_count=sum(run.updated_count for run in runs),
        counts=counts,
        part=None,
    )
    return Whole(together, runs)


def _standing(last: Sequence[PastRun], parts: int) -> tuple[str, PastRun | None]:
    """How it stands by the last run of each part, and the run that decided; None: none yet."""
    if any(run.outcome == Outcome.RUNNING for run in last):
        return Outcome.RUNNING.value, None
    bad = [run for run in last if run.outcome != Outcome.SUCCESS]
    if not bad:
        return (last[0].outcome, last[0]) if len(last) == parts else (_INCOMPLETE, None)
    failed = [run for run in bad if Outcome(run.outcome).is_failure] or bad
    code = gravest(_code(run) for run in failed)
    worst = next(run for run in failed if _code(run) == code)
    return worst.outcome, worst


def _code(run: PastRun) -> Code:
    return next((code for code in Code if int(code) == run.exit_code), Code.FAILED)


def _said(run: PastRun, counts: Mapping[str, Any]) -> str | None:
    if run.outcome == Outcome.SUCCESS:
        return sentence(counts, backlog=None, dry_run=False)
    return f"part {run.part}/{run.parts}: {run.message}" if run.message else None


def _counts(runs: Sequence[PastRun]) -> Mapping[str, Any]:
    """Sums of what adds up; the ledger's own columns where a run was lost before it said them."""
    summed: Counter[str] = Counter()
    for run in runs:
        for name, value in run.counts.items():
            if isinstance(value, int) and name.endswith("_count") and name not in _NOT_SUMMED:
                summed[name] += value
    for name in ("deleted_count", "updated_count"):
        if total := sum(getattr(run, name) for run in runs):
            summed[name] = total
    return dict(summed)


def _names(names: Iterator[str]) -> str:
    return some(list(dict.fromkeys(names)), _MOST_NAMES)


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
        outcome=_gravest_outcome(reports, code),
        exit_code=code,
        message=_failures(bad, len(told)) or sentence(counts, backlog=backlog, dry_run=False),
        backlog=backlog,
        warnings=[f"{one.database}: {warning}" for one in told for warning in one.report.warnings],
        counts={
            "databases_count": len({one.database for one in told}),
            "failed_databases_count": len(bad),
            "skipped_databases_count": sum(report.outcome is Outcome.SKIPPED for report in reports),
            **counts,
        },
    )


def _gravest_outcome(reports: Sequence[Report], code: Code) -> Outcome:
    """That of the run whose code is the gravest; skipped only where all were."""
    found = [report.outcome for report in reports if report.exit_code == code]
    if code != Code.OK:
        return found[0] if found else Outcome.INTERRUPTED
    return Outcome.SKIPPED if found and set(found) == {Outcome.SKIPPED} else Outcome.SUCCESS


def _failures(bad: Sequence[Told], number: int) -> str:
    if not bad:
        return ""
    named = [f"{one.database}: {one.report.message}" for one in bad]
    return f"{len(bad)} of {number} did not succeed: {some(named, _MOST_NAMES, by='; ')}"


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
