"""How an error becomes a run's outcome; and of one that no code expected, whose bug it is."""

import re
import traceback
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import PurePath
from types import FrameType

import psycopg

from maintcli.db import sqlstate
from maintcli.errors import Bug, Interrupted, LeaseLost, MaintError, Outcome
from maintcli.runtime.log import Log
from maintcli.runtime.report import Report

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
    except GeneratorExit:
        raise
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
