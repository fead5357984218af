"""maint schedule render"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from maintcli.cli.declared import by_hand, declared, idle
from maintcli.cli.location import ConfigLocation
from maintcli.cli.operator import complete_jobs, operator
from maintcli.cli.render_options import RenderOptions
from maintcli.cli.rendered_files import left_over, remove, targets, write_all
from maintcli.cli.scheduled import none_enabled, scheduled
from maintcli.config.scheduler import BY_HAND, Settings
from maintcli.errors import ConfigError, Refused, Usage
from maintcli.output.out import put
from maintcli.runtime.log import printable
from maintcli.schedules.advice import advise
from maintcli.schedules.model import Entry, Rendered
from maintcli.schedules.targets import TARGETS

JOBS = typer.Argument(
    metavar="JOB",
    help="Only these jobs and entries of [[schedules]], enabled or not; else all enabled ones.",
    autocompletion=complete_jobs,
)
_TARGET = typer.Option(
    "--target",
    metavar="|".join(TARGETS),
    help="The scheduler to write for; without it, with --write, all of them.",
)
_OUTPUT = typer.Option("--output", metavar="DIR|-", help="Where to; - is standard output.")
_WRITE = typer.Option(
    "--write", help="Write to where a project has these files: deploy/ and so on."
)
_STRICT = typer.Option("--strict", help="Refuse (65) to leave anything out.")


@operator("render")
def render(
    location: ConfigLocation,
    given: RenderOptions,
    *,
    jobs: Annotated[list[str] | None, JOBS] = None,
    target: Annotated[str | None, _TARGET] = None,
    output: Annotated[str | None, _OUTPUT] = None,
    write: Annotated[bool, _WRITE] = False,
    strict: Annotated[bool, _STRICT] = False,
) -> None:
    """Write the schedule of all enabled jobs, or of those named, for a scheduler.

    A job is enabled by its name in maint.toml. With --database each of them gets that option. What
    the scheduler cannot express is left out, with a comment and a warning. Advice is on standard
    error, too. What you add to a file below a line `## kept below` stays. A file that was rendered
    for an entry that is gone is removed, unless jobs are named.
    """
    if write and output is not None:
        raise Usage("--write picks the folder itself; leave out --output.")
    names = targets(target, every=write)
    config = location.read_aloud()
    settings = given.settings(config)
    entries = scheduled(config, jobs or (), location.database)
    if not entries:
        raise none_enabled(config, f"schedule render --target {names[0]}")
    made = {name: TARGETS[name].render(entries, settings) for name in names}
    known = {} if jobs else declared(config)
    _complain(made, idle(config, known), strict=strict)
    _say(by_hand(config, known))
    _advise(entries, names, settings)
    if output in (None, "-") and not write:
        put(_together(made[names[0]].files))
        return
    for name, rendered in made.items():
        folder = Path(TARGETS[name].folder if output is None else output)
        for path in write_all(name, rendered.files, folder):
            sys.stderr.write(f"maint: wrote {printable(str(path))}\n")
        gone = {} if jobs or rendered.refused else left_over(name, rendered.files, folder)
        for path, is_removed in remove(gone, folder).items():
            done, rest = ("removed", "") if is_removed else ("left", "; it has lines of yours")
            where = printable(str(path))
            sys.stderr.write(f"maint: {done} {where}, which is no longer rendered{rest}\n")


def _complain(made: Mapping[str, Rendered], idle: Sequence[str], *, strict: bool) -> None:
    """Print what is left out on standard error; `idle` for every target.

    Raises Refused for the same with `strict`, and ConfigError where the only target is refused.
    """
    for name, rendered in made.items():
        if rendered.refused and len(made) == 1:
            raise ConfigError(f"{name}: {rendered.notes[0]}")
    left = [f"{name}: {note}" for name, rendered in made.items() for note in rendered.notes]
    notes = [*idle, *left]
    if notes and strict:
        raise Refused(f"--strict: nothing was written. {' '.join(notes)}")
    _say(notes)


def _say(notes: Iterable[str]) -> None:
    """Print them on standard error."""
    for note in notes:
        sys.stderr.write(f"maint: {printable(note)}\n")


def _advise(entries: Sequence[Entry], names: Sequence[str], settings: Settings) -> None:
    """Print advice on standard error: what is allowed, but could be better."""
    scheduled = "github" in names and settings.start != BY_HAND
    for one in advise(entries, "github" if scheduled else None):
        sys.stderr.write(f"maint: advice: {printable(str(one))}\n")


def _together(files: Mapping[str, str]) -> str:
    """One text, with the name over each file where there are several."""
    if len(files) == 1:
        return next(iter(files.values()))
    return "\n".join(f"# ==> {path} <==\n{text}" for path, text in files.items())
