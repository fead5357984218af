"""The declaration compared with files, with what is deployed, and with the ledger."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from maintcli import __version__
from maintcli.cli import scheduler_cli, tool
from maintcli.cli.declared import declared
from maintcli.cli.expected_schedules import leaves_a_trace
from maintcli.cli.rendered_files import left_over, present
from maintcli.config.database import DatabaseConfig
from maintcli.config.model import Config
from maintcli.config.scheduler import Settings
from maintcli.errors import Usage
from maintcli.runtime.scheduled_runs import look
from maintcli.runtime.visit import toolkit_tables
from maintcli.schedules.check import deployed, files, ledger
from maintcli.schedules.check.files import Finding, Kind
from maintcli.schedules.model import Entry, Rendered
from maintcli.schedules.targets.text import is_ours


class Asked(NamedTuple):
    """How a scheduler is to be asked: by its tool, or from what was kept of that."""

    by_tool: bool
    places: Sequence[str]

    def __bool__(self) -> bool:
        return self.by_tool or bool(self.places)


def of_files(
    target: str, rendered: Rendered, folder: Path, *, needed: bool
) -> list[Finding] | None:
    """What differs below `folder`; None where no file of `target` is there, nor `needed`."""
    there = present(rendered.files, folder)
    gone = left_over(target, rendered.files, folder)
    ours = [path for path, text in there.items() if is_ours(path, target, text)]
    if not (ours or gone or needed):
        return None
    if rendered.refused:
        what = f"it cannot be rendered: {rendered.notes[0]}".rstrip(".")
        return [Finding(Kind.STALE, path, what) for path in gone or [target]]
    found = files.compare(rendered.files, there, gone)
    return [*found, *_noted(rendered)]


def of_deployed(
    target: str, entries: Sequence[Entry], rendered: Rendered, settings: Settings, asked: Asked
) -> list[Finding]:
    """What differs from what the scheduler has. Raises Usage, ConfigError, Unreachable."""
    if asked.by_tool:
        texts = scheduler_cli.ask(target, rendered.files, settings)
    else:
        texts = scheduler_cli.read(asked.places)
    try:
        found = deployed.check(target, entries, rendered.files, texts, settings)
    except ValueError as error:
        reason = str(error).rstrip(".")
        if asked.by_tool:
            raise tool.failed([", ".join(texts)], reason) from None
        raise Usage(f"--deployed {', '.join(texts)}: {reason}.") from None
    return [*found, *_noted(rendered)]


def _noted(rendered: Rendered) -> Iterator[Finding]:
    """What the target could not say."""
    for note in rendered.notes:
        nearest = f"; {note.nearest}" if note.nearest else ""
        yield Finding(Kind.NOTED, note.key, f"{note.what}{nearest}")


def of_ledger(config: Config, database: DatabaseConfig, entries: Sequence[Entry]) -> list[Finding]:
    """What the ledger of `database` has not seen as it should. Raises what a database can."""
    jobs = _by_job(config, database, entries)
    now = datetime.now(UTC)
    spans = {job: ledger.horizon(some, now) for job, some in jobs.items()}
    with toolkit_tables(database, "schedule check") as (session, schema):
        looked = look(session, schema, spans, config_hash=config.hash, version=__version__)
    return [*ledger.check(jobs, looked)]


def _by_job(
    config: Config, database: DatabaseConfig, entries: Sequence[Entry]
) -> Mapping[str, Sequence[Entry]]:
    """Those of whose runs that ledger hears; it knows a run by its job."""
    known = declared(config)
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if leaves_a_trace(known[entry.job].job, entry, database.name):
            found.setdefault(entry.job, []).append(entry)
    return found
