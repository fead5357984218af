"""How an error becomes a run's outcome."""

import traceback
from collections.abc import Generator, Sequence
from contextlib import contextmanager

import psycopg

from maintcli.db import sqlstate
from maintcli.errors import Interrupted, LeaseLost, MaintError, Outcome
from maintcli.runtime.bug import AGAIN, bug, trace
from maintcli.runtime.log import Log
from maintcli.runtime.report import Report


@contextmanager
def judged(report: Report, log: Log) -> Generator[None]:
    """Turn whatever the block raises into the report's outcome; the first failure stays."""
    try:
        yield
    except MaintError as error:
        _judge(report, log, error)
    except psycopg.Error as error:
        log.debug(_folded([*traceback.format_tb(error.__traceback__), sqlstate.said(error)]))
        _judge(report, log, sqlstate.meaning(error))
    except GeneratorExit:
        raise
    except KeyboardInterrupt:  # where the signal is not ours to handle: a run inside a program
        _judge(report, log, Interrupted(signal="SIGINT"))
    except BaseException as error:  # noqa: BLE001  whatever a job or we did wrong, sys.exit too, ends as one sentence and code 70
        found = trace(error)
        log.debug(_folded([found]))
        look = f"See maint show {report.run_id}" if report.is_recorded else AGAIN
        if report.outcome is Outcome.SUCCESS:
            report.traceback = "\n".join(map(log.safe, found.splitlines()))
        _judge(report, log, bug(error, look=look))


def _judge(report: Report, log: Log, error: MaintError) -> None:
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
