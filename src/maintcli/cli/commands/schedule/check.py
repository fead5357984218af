"""maint schedule check"""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from maintcli.cli import checking
from maintcli.cli.checking import Asked
from maintcli.cli.commands.schedule.render import JOBS
from maintcli.cli.location import ConfigLocation
from maintcli.cli.operator import Json, operator
from maintcli.cli.render_options import RenderOptions
from maintcli.cli.rendered_files import targets
from maintcli.cli.scheduled import none_enabled, scheduled
from maintcli.config.database import no_database
from maintcli.config.model import Config
from maintcli.errors import Code, MaintError, Usage
from maintcli.output import check as present
from maintcli.output.show import show
from maintcli.runtime.log import printable
from maintcli.schedules.check.files import Finding
from maintcli.schedules.model import Entry, Rendered
from maintcli.schedules.targets import TARGETS

_TARGET = typer.Option(
    "--target",
    metavar="|".join(TARGETS),
    help="The scheduler to check; without it, all of which there are rendered files.",
)
_OUTPUT = typer.Option("--output", metavar="DIR", help="Where the rendered files are.")
_ASK = typer.Option(
    "--ask", help="Ask the scheduler what it has: by crontab, gh, kubectl or systemctl."
)
_DEPLOYED = typer.Option(
    "--deployed",
    metavar="FILE|-",
    help="The same from a file, or standard input, with what that tool prints; also several times.",
)
_NO_LEDGER = typer.Option("--no-ledger", help="Do not look at what ran.")


class _Checks:
    """Makes one check after the other, and continues after one that cannot be made."""

    def __init__(self) -> None:
        self.lines: list[present.Line] = []
        self.places: list[str] = []
        self.problems: list[tuple[str, MaintError]] = []

    def make(self, place: str, check: Callable[[], list[Finding] | None]) -> None:
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
                present.Line(one.kind.value, place, one.key, one.what, one.kind.is_drift)
                for one in found
                if one.kind.is_drift or not self._is_said(one)
            ]

    def _is_said(self, found: Finding) -> bool:
        return any((found.key, found.what) == (line.key, line.what) for line in self.lines)

    def looked(self, no_ledger: str | None) -> present.Looked:
        """All of it. Raises Usage where nothing was looked at."""
        if not self.places and not self.problems:
            raise Usage(
                "There is nothing to compare the schedule with: no rendered file is here,"
                " and no ledger. Name the scheduler: --target"
                f" {'|'.join(TARGETS)}, and --ask it, or render its files."
            )
        problems = [(place, str(error)) for place, error in self.problems]
        return present.Looked(self.lines, self.places, problems, no_ledger)


@operator("check")
def check(  # noqa: PLR0913 - one for each option
    location: ConfigLocation,
    given: RenderOptions,
    *,
    jobs: Annotated[list[str] | None, JOBS] = None,
    target: Annotated[str | None, _TARGET] = None,
    output: Annotated[str | None, _OUTPUT] = None,
    ask: Annotated[bool, _ASK] = False,
    deployed: Annotated[list[str] | None, _DEPLOYED] = None,
    no_ledger: Annotated[bool, _NO_LEDGER] = False,
    json: Json = False,
) -> int:
    """Check that schedulers have what is declared, and that its runs come; else exit with 1.

    Rendered files are compared with what would be rendered now, with the options that they were
    rendered with, jobs that were named included. With --ask or --deployed, so is what the scheduler
    has. Where a database is configured, the ledger says what never ran, is late, or is started by
    two schedulers.
    """
    asked = Asked(ask, deployed or ())
    names = _names(target, output, asked)
    config = location.read_aloud()
    entries = scheduled(config, jobs or (), location.database)
    settings = given.settings(config)._replace(hidden="")  # which is about no file
    made = {name: TARGETS[name].render(entries, settings) for name in names}
    checks = _Checks()
    _files(checks, made, output, needed=target is not None and not asked)
    if target is not None and asked:
        look = partial(checking.of_deployed, target, entries, made[target], settings, asked)
        checks.make(f"{target} deployed", look)
    left_out = None if no_ledger else _ledger(checks, config, location, entries)
    looked = checks.looked(left_out)
    if not entries and not looked.drift and not looked.problems:
        raise none_enabled(config, "schedule check")
    show(present.data(looked), lambda: present.view(looked), json=json)
    for _, message in looked.problems:
        sys.stderr.write(f"maint: {printable(message)}\n")
    if looked.drift:
        return Code.FAILED
    return checks.problems[0][1].exit_code if checks.problems else Code.OK


def _names(target: str | None, output: str | None, asked: Asked) -> list[str]:
    if target is None and (output is not None or asked):
        raise Usage(f"Name the scheduler: --target {'|'.join(TARGETS)}.")
    if asked.by_tool and asked.places:
        raise Usage("--ask and --deployed are two ways to the same; leave out one.")
    return targets(target, every=True)


def _files(
    checks: _Checks, made: Mapping[str, Rendered], output: str | None, *, needed: bool
) -> None:
    needed = needed or output is not None
    for name, rendered in made.items():
        folder = Path(TARGETS[name].folder if output is None else output)
        look = partial(checking.of_files, name, rendered, folder, needed=needed)
        checks.make(f"{name} files", look)


def _ledger(
    checks: _Checks, config: Config, location: ConfigLocation, entries: list[Entry]
) -> str | None:
    """Look at it; why that was not even tried, where no database is configured."""
    left_out: list[str] = []

    def look() -> list[Finding] | None:
        database = location.target(config)
        if database.url is None:
            left_out.append(str(no_database(database.section)))
            return None
        return checking.of_ledger(config, database, entries)

    checks.make(present.LEDGER, look)
    return left_out[0] if left_out else None
