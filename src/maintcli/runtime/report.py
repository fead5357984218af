"""How a run ended: the report, its outcome where something was raised, and telling observers."""

import re
import time
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from pathlib import PurePath
from threading import Thread
from types import FrameType, MappingProxyType
from typing import Any, Literal, NamedTuple, cast

import psycopg

from maintcli.db import sqlstate
from maintcli.errors import Bug, Code, Interrupted, LeaseLost, MaintError, Outcome
from maintcli.runtime.log import Log
from maintcli.words import many

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


AGAIN = "Run again with -v"
_MOST_FRAMES = 40  # the innermost; two functions that call each other have a thousand
_MOST_WORDS = 1000
_OURS = __name__.partition(".")[0]


@contextmanager
def record_outcome(report: Report, log: Log) -> Generator[None]:
    """Turn whatever the block raises into the report's outcome; the first failure stays."""
    try:
        yield
    except MaintError as error:
        _record(report, log, error)
    except psycopg.Error as error:
        log.debug(_folded([*traceback.format_tb(error.__traceback__), sqlstate.said(error)]))
        _record(report, log, sqlstate.meaning(error))
    except KeyboardInterrupt:  # where the signal is not ours to handle: a run inside a program
        _record(report, log, Interrupted(signal="SIGINT"))
    except BaseException as error:  # noqa: BLE001  whatever a job or we did wrong, sys.exit too, ends as one sentence and code 70
        found = trace(error)
        log.debug(_folded([found]))
        look = f"See maint show {report.run_id}" if report.is_recorded else AGAIN
        if report.outcome is Outcome.SUCCESS:
            report.traceback = "\n".join(map(log.safe, found.splitlines()))
        _record(report, log, bug(error, look=look))


def _record(report: Report, log: Log, error: MaintError) -> None:
    report.lease_lost |= isinstance(error, LeaseLost)
    if report.outcome is not Outcome.SUCCESS:
        log.warn(f"and then: {error}")
        return
    report.outcome = error.outcome
    report.exit_code = error.exit_code
    report.message = log.safe(str(error))
    report.statements = [log.safe(statement) for statement in error.statements]
    if report.exit_code:
        log.error(str(error), error.statements)
    else:
        log.info(str(error))


def _folded(trace: Sequence[str]) -> str:
    # One line: a log stays one line an event, and filters keep working.
    lines = "\n".join(trace).splitlines()
    return " | ".join(line.strip() for line in lines if line.strip())


def bug(error: BaseException, *, look: str) -> Bug:
    """The one sentence on `error`; `look` says how to see its traceback."""
    frame, line = _fault(error)
    package, file = _package(frame), _file(frame)
    whose, whom = f"the package {package}, not in maint", "that package"
    if package == _OURS:
        whose, whom = "maint", "maint"
    return Bug(
        f"This is a bug in {whose} ({file}, line {line}): {_named(error).rstrip('.: ')}. {look} for"
        f" the traceback, and please report it to the authors of {whom}."
    )


def trace(error: BaseException) -> str:
    """The traceback, with those of the errors before it; without values of rows."""
    text = list[str]()
    for one in reversed(list(_chain(error))):
        text += [*traceback.format_tb(one.__traceback__, -_MOST_FRAMES), f"{_named(one)}\n"]
    return "".join(text)


def _named(error: BaseException) -> str:
    """The error's class and words; not the value that it quotes, which may be of a row."""
    try:
        said = sqlstate.said(error) if isinstance(error, psycopg.Error) else str(error)
    except Exception:  # noqa: BLE001  an error's own words may be broken, too
        said = ""
    if isinstance(error, LookupError | ValueError):
        said = re.sub(r"""'.*'|".*"|^[^'"\s]+$""", "'…'", said, flags=re.DOTALL)
    return f"{type(error).__name__}: {sqlstate.one_line(said)[:_MOST_WORDS]}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    seen = set[int]()
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)


def _fault(error: BaseException) -> tuple[FrameType, int]:
    """The innermost frame of maint, or of the package whose job it runs; and the line there.

    What lies below it belongs to Python, or to a library that was called in a wrong way.
    """
    frames = list(traceback.walk_tb(error.__traceback__))
    packages = {_OURS}
    for (caller, _), (frame, _) in pairwise(frames):
        if caller.f_globals.get("__name__") == f"{_OURS}.api":
            packages.add(_package(frame))
    return next((one for one in reversed(frames) if _package(one[0]) in packages), frames[-1])


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__")).partition(".")[0]


def _file(frame: FrameType) -> str:
    """The file's path from its package on, which is the same on every machine."""
    parts, package = PurePath(frame.f_code.co_filename).parts, _package(frame)
    inside = len(parts) - parts[::-1].index(package) - 1 if package in parts else len(parts) - 1
    return "/".join(parts[inside:])


class Event(NamedTuple):
    """What an observer is told: that the work begins, that a run ended, or was skipped.

    `report` has the result, unless the run has only `started`. `log` are the run's last lines,
    secrets masked. A run that fails before its work begins has no `started`.
    """

    kind: Literal["started", "ended", "skipped"]
    report: Report
    log: tuple[str, ...] = ()


Observer = Callable[[Event], None]


class Observers:
    """Those who are told of one run; `load` imports and makes each, by its name.

    One that fails or takes longer than `seconds` is named in the log, and changes nothing else.
    """

    def __init__(
        self,
        load: Mapping[str, Callable[[], Observer]] = MappingProxyType({}),
        seconds: float = 0.0,
    ) -> None:
        self._load = load
        self._seconds = seconds
        self._threads: dict[str, Thread] = {}
        self._made: dict[str, Observer] = {}
        self._failed: dict[str, str] = {}

    def tell_start(self, report: Report, log: Log) -> None:
        """Tell each of them that the work begins, without waiting."""
        self._send(Event("started", replace(report), log.tail))

    def tell_end(self, report: Report, log: Log) -> None:
        """Tell each of them how it ended; wait for `seconds` at the most, and log who failed."""
        is_skipped = report.outcome is Outcome.SKIPPED
        self._send(Event("skipped" if is_skipped else "ended", replace(report), log.tail))
        end = time.monotonic() + self._seconds
        for name, thread in self._threads.items():
            thread.join(max(0.0, end - time.monotonic()))
            if thread.is_alive():
                log.error(f"observer {name} took longer than {self._seconds:g} s; it was left")
            elif name in self._failed:
                log.error(f"observer {name} failed: {self._failed[name]}")

    def _send(self, event: Event) -> None:
        for name in self._load:
            before = self._threads.get(name)  # one that is still being told is told afterwards
            thread = Thread(target=self._tell, args=(name, event, before), daemon=True)
            self._threads[name] = thread
            thread.start()

    def _tell(self, name: str, event: Event, before: Thread | None) -> None:
        if before is not None:
            before.join()
        try:
            if name not in self._made:
                self._made[name] = self._load[name]()
            self._made[name](event)
        except BaseException as error:  # noqa: BLE001  sys.exit of a stranger's code, too
            self._failed[name] = f"{type(error).__name__}: {error}"
