"""maint schedule: when jobs are due, and the same for a scheduler."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from maintcli.cli import scheduler_cli
from maintcli.cli.declared import by_hand, declared, idle
from maintcli.cli.expected_schedules import starts
from maintcli.cli.location import ConfigLocation
from maintcli.cli.operator import Json, complete_jobs, group, operator
from maintcli.cli.options import checked_words
from maintcli.cli.render_options import RenderOptions
from maintcli.cli.rendered_files import left_over, remove, targets, write_all
from maintcli.cli.schedule_check import Asked, Checks
from maintcli.cli.scheduled import find, none_enabled, scheduled
from maintcli.config.messages import bare
from maintcli.config.scheduler import BY_HAND, Settings
from maintcli.errors import Code, ConfigError, Refused, Usage
from maintcli.output import schedule as present
from maintcli.output.out import put
from maintcli.output.table import show
from maintcli.runtime.log import printable
from maintcli.schedules.advice import advise
from maintcli.schedules.due import coming
from maintcli.schedules.model import Entry, Rendered
from maintcli.schedules.targets import TARGETS
from maintcli.schedules.targets.kubernetes import job as kubernetes

_JOBS = typer.Argument(
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
_MOST_TIMES = 1000
_COUNT = typer.Option("--count", metavar="N", help="How many times to show.")
_CHECKED = typer.Option(
    "--target",
    metavar="|".join(TARGETS),
    help="The scheduler to check; without it, all of which there are rendered files.",
)
_THERE = typer.Option("--output", metavar="DIR", help="Where the rendered files are.")
_ASK = typer.Option(
    "--ask", help="Ask the scheduler what it has: by crontab, gh, kubectl or systemctl."
)
_DEPLOYED = typer.Option(
    "--deployed",
    metavar="FILE|-",
    help="The same from a file, or standard input, with what that tool prints; also several times.",
)
_NO_LEDGER = typer.Option("--no-ledger", help="Do not look at what ran.")
_ENTRY = typer.Argument(metavar="ENTRY", help="A job, or an entry of [[schedules]].")
_WORDS = typer.Argument(metavar="OPTION", help="After --: its options, instead of those it has.")
_ONCE = typer.Option("--target", metavar="kubernetes", help="Only Kubernetes needs this.")
_DEPLOYED_ONE = typer.Option(
    "--deployed",
    metavar="FILE|-",
    help="Make it of the CronJob as it is: what `kubectl get cronjob NAME -o json` prints.",
)


@operator("render")
def render(
    location: ConfigLocation,
    given: RenderOptions,
    *,
    jobs: Annotated[list[str] | None, _JOBS] = None,
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


@operator("next")
def next_(
    location: ConfigLocation,
    *,
    jobs: Annotated[list[str] | None, _JOBS] = None,
    count: Annotated[int, _COUNT] = 10,
    json: Json = False,
) -> None:
    """Show the coming times, of all entries together."""
    if not 1 <= count <= _MOST_TIMES:
        raise Usage(f"--count: {count} is out of range; it must be from 1 to {_MOST_TIMES}.")
    now = datetime.now(UTC)
    config = location.read_aloud()
    entries = scheduled(config, jobs or (), location.database)
    if not entries:
        raise none_enabled(config, "schedule next")
    times = starts(coming(entries, now, count))
    show(present.next_data(times, now), lambda: present.next_view(times, now), json=json)


@operator("check")
def check(  # noqa: PLR0913 - one for each option
    location: ConfigLocation,
    given: RenderOptions,
    *,
    jobs: Annotated[list[str] | None, _JOBS] = None,
    target: Annotated[str | None, _CHECKED] = None,
    output: Annotated[str | None, _THERE] = None,
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
    checks = Checks()
    checks.files(made, output, needed=target is not None and not asked)
    if target is not None and asked:
        checks.deployed(target, entries, made[target], settings, asked)
    if not no_ledger:
        checks.ledger(config, location, entries)
    looked = checks.looked()
    if not entries and not looked.drift and not looked.problems:
        raise none_enabled(config, "schedule check")
    show(present.check_data(looked), lambda: present.check_view(looked), json=json)
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


@operator("run-now")
def run_now(
    location: ConfigLocation,
    given: RenderOptions,
    *,
    entry: Annotated[str, _ENTRY],
    words: Annotated[list[str] | None, _WORDS] = None,
    target: Annotated[str, _ONCE] = "kubernetes",
    deployed: Annotated[str | None, _DEPLOYED_ONE] = None,
) -> None:
    """Print a Job that runs an entry once, now, with other options: for `kubectl create -f -`.

    `kubectl create job --from=cronjob/…` takes no arguments.
    """
    if target != "kubernetes":
        raise Usage(
            f"--target {bare(target)}: only Kubernetes needs a Job for that; elsewhere call"
            " maint itself."
        )
    config = location.read_aloud()
    found = find(config, entry)
    options = (*checked_words(declared(config)[found.job].job, words or ()),)
    if location.database is not None:
        options = ("--database", location.database, *options)
    if deployed is None:
        put(kubernetes.one_off(found, options, given.settings(config)))
    else:
        (text,) = scheduler_cli.read([deployed]).values()
        put(kubernetes.from_deployed(text, found, options))


schedule = group(
    "schedule",
    "Show when jobs are due, and write and check it for a scheduler.",
    next_,
    render,
    check,
    run_now,
)
