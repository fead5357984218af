"""What --json prints of a command that failed before it had anything else to print."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import takewhile
from typing import Final

from maintcli.config.messages import sentence
from maintcli.errors import Fail, MaintError, Usage
from maintcli.registry import COMMANDS

# Commands that run a job, and its name where that is known by then.
_RUNNERS: Final = {"restore": "restore", "trigger": None, "run-entry": None}
_OF_ALL: Final = ("success", "outcome", "exit_code", "message", "statements")


def put_failure(arguments: Sequence[str], error: MaintError) -> None:
    """Print an object if `arguments` ask for JSON: for a job as of any run, but with no run_id.

    Nothing where standard output is what failed.
    """
    words = [*takewhile(lambda word: word != "--", arguments)]
    if "--json" not in words or error.in_json:
        return
    from maintcli.output.json import as_json
    from maintcli.output.out import put
    from maintcli.runtime.log import printable
    from maintcli.runtime.report import Report

    name = words[0]
    report = Report(
        job=name,
        run_id="",
        dry_run=not {"--dry-run", "-n"}.isdisjoint(words),
        started_at=datetime.now(UTC),
        outcome=error.outcome,
        exit_code=error.exit_code,
        message=printable(str(error)),
        statements=[printable(statement) for statement in error.statements],
    )
    found = {**report.as_dict(), "run_id": None, "job": _RUNNERS.get(name, name)}
    if name in COMMANDS and name not in _RUNNERS:
        found = {key: found[key] for key in _OF_ALL if key in found}
    with suppress(Fail):
        put(as_json(found))


def misused(error: Exception) -> Usage | None:
    """What Typer says is wrong with the command line; None where the error is another."""
    said = getattr(error, "format_message", None)
    return Usage(sentence(str(said()))) if callable(said) else None
