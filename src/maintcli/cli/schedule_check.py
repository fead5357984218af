"""The declaration compared with files, with what is deployed, and with the ledger."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from maintcli import __version__
from maintcli.cli import scheduler_cli
from maintcli.cli.declared import declared
from maintcli.cli.expected_schedules import leaves_a_trace
from maintcli.cli.location import ConfigLocation
from maintcli.cli.rendered_files import left_over, present
from maintcli.config.database import DatabaseConfig, no_database
from maintcli.config.model import Config
from maintcli.config.scheduler import Settings
from maintcli.errors import MaintError, Usage
from maintcli.output.schedule import LEDGER, Line, Looked
from maintcli.runtime.heartbeats import look
from maintcli.runtime.visit import toolkit_tables
from maintcli.schedules.check import deployed, files, ledger
from maintcli.schedules.check.files import Finding, Kind
from maintcli.schedules.model import Entry, Rendered
from maintcli.schedules.targets import TARGETS
from maintcli.schedules.targets.text import is_ours


class Asked(NamedTuple):
    """How a scheduler is to be asked: by its tool, or from what was kept of that."""

    by_tool: bool
    places: Sequence[str]

    def __bool__(self) -> bool:
        return self.by_tool or bool(self.places)


def _of_files(
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


def _of_deployed(
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
            raise scheduler_cli.no_answer([", ".join(texts)], reason) from None
        raise Usage(f"--deployed {', '.join(texts)}: {reason}.") from None
    return [*found, *_noted(rendered)]


def _noted(rendered: Rendered) -> Iterator[Finding]:
    """What the target could not say."""
    for note in rendered.notes:
        nearest = f"; {note.nearest}" if note.nearest else ""
        yield Finding(Kind.NOTED, note.key, f"{note.what}{nearest}")


def _of_ledger(config: Config, database: DatabaseConfig, entries: Sequence[Entry]) -> list[Finding]:
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


class Checks:
    """Makes one check after the other, and continues after one that cannot be made."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.places: list[str] = []
        self.problems: list[tuple[str, MaintError]] = []
        self._no_ledger: str | None = None

    def files(self, made: Mapping[str, Rendered], output: str | None, *, needed: bool) -> None:
        """Check those below `output`, or where a project has them."""
        needed = needed or output is not None
        for name, rendered in made.items():
            folder = Path(TARGETS[name].folder if output is None else output)
            look = partial(_of_files, name, rendered, folder, needed=needed)
            self._make(f"{name} files", look)

    def deployed(
        self,
        target: str,
        entries: Sequence[Entry],
        rendered: Rendered,
        settings: Settings,
        asked: Asked,
    ) -> None:
        """Check what the scheduler has."""
        look = partial(_of_deployed, target, entries, rendered, settings, asked)
        self._make(f"{target} deployed", look)

    def ledger(self, config: Config, location: ConfigLocation, entries: Sequence[Entry]) -> None:
        """Check what ran; where no database is configured, only say so."""

        def look() -> list[Finding] | None:
            database = location.target(config)
            if database.url is None:
                self._no_ledger = str(no_database(database.section))
                return None
            return _of_ledger(config, database, entries)

        self._make(LEDGER, look)

    def _make(self, place: str, check: Callable[[], list[Finding] | None]) -> None:
        """Make it; None is for one that has nothing to look at."""
        try:
            found = check()
        except Usage:
            raise
        except MaintError as error:
            self.problems.append((place, error))
            return
        if found is not None:
            self.places.append(place)
            self.lines += [
                Line(one.kind.value, place, one.key, one.what, one.kind.is_drift)
                for one in found
                if one.kind.is_drift or not self._is_said(one)
            ]

    def _is_said(self, found: Finding) -> bool:
        return any((found.key, found.what) == (line.key, line.what) for line in self.lines)

    def looked(self) -> Looked:
        """All of it. Raises Usage where nothing was looked at."""
        if not self.places and not self.problems:
            raise Usage(
                "There is nothing to compare the schedule with: no rendered file is here,"
                " and no ledger. Name the scheduler: --target"
                f" {'|'.join(TARGETS)}, and --ask it, or render its files."
            )
        problems = [(place, str(error)) for place, error in self.problems]
        return Looked(self.lines, self.places, problems, self._no_ledger)
