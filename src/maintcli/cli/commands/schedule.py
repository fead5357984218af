"""maint schedule: when jobs are due, and the same for a scheduler."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from maintcli.cli import rendering, wording
from maintcli.cli.declared import declared
from maintcli.cli.facts import Facts
from maintcli.cli.operator import Json, group, operator
from maintcli.cli.place import Place
from maintcli.cli.scheduled import find, scheduled
from maintcli.cli.upcoming import starts
from maintcli.errors import Usage
from maintcli.present import schedule as present
from maintcli.present.out import put
from maintcli.present.show import show
from maintcli.runtime.log import printable
from maintcli.schedules.coming import coming
from maintcli.schedules.targets import TARGETS

_MOST_TIMES = 1000

_TARGET = typer.Option(
    "--target",
    metavar="|".join(TARGETS),
    help="The scheduler to write for; without it, with --write, all of them.",
)
_OUTPUT = typer.Option("--output", metavar="DIR|-", help="Where to; - is standard output.")
_WRITE = typer.Option(
    "--write", help="Write to where a project has these files: deploy/ and so on."
)
_STRICT = typer.Option("--strict", help="Refuse (65) what the target cannot express.")
_ENTRY = typer.Argument(metavar="ENTRY", help="A job, or an entry of [[schedules]].")
_WORDS = typer.Argument(metavar="OPTION", help="After --: its options, instead of those it has.")
_ONCE = typer.Option("--target", metavar="kubernetes", help="Only Kubernetes needs this.")
_DEPLOYED = typer.Option(
    "--deployed",
    metavar="FILE|-",
    help="Make it of the CronJob as it is: what `kubectl get cronjob NAME -o json` prints.",
)
_COUNT = typer.Option("--count", metavar="N", help="How many times to show.")


@operator("render")
def render(
    place: Place,
    facts: Facts,
    *,
    target: Annotated[str | None, _TARGET] = None,
    output: Annotated[str | None, _OUTPUT] = None,
    write: Annotated[bool, _WRITE] = False,
    strict: Annotated[bool, _STRICT] = False,
) -> None:
    """Write the schedule of all enabled jobs for a scheduler.

    With --database each of them gets that option. What the scheduler cannot express is left out,
    with a comment and a warning. Advice is on standard error, too.
    """
    if write and output is not None:
        raise Usage(reason="--write knows where to; leave out --output.")
    names = rendering.targets(target, every=write)
    config = place.read_aloud()
    entries = rendering.at(scheduled(config), place.database, config.databases)
    settings = facts.settings(config)
    made = {name: TARGETS[name].render(entries, settings) for name in names}
    rendering.complain(made, strict=strict)
    rendering.advise(entries, names)
    if write:
        written = [
            path
            for name, rendered in made.items()
            for path in rendering.write(rendered.files, Path(TARGETS[name].folder))
        ]
    elif output in (None, "-"):
        put(rendering.together(made[names[0]].files))
        return
    else:
        written = rendering.write(made[names[0]].files, Path(output or "."))
    for path in written:
        sys.stderr.write(f"maint: wrote {printable(str(path))}\n")


@operator("next")
def next_(place: Place, *, count: Annotated[int, _COUNT] = 10, json: Json = False) -> None:
    """Show the coming times, of all entries together."""
    if not 1 <= count <= _MOST_TIMES:
        raise Usage(reason=f"--count: {count} is out of range; it must be from 1 to {_MOST_TIMES}.")
    now = datetime.now(UTC)
    config = place.read_aloud()
    entries = rendering.at(scheduled(config), place.database, config.databases)
    times = starts(coming(entries, now, count))
    show(present.data(times, now), lambda: present.view(times, now), json=json)


@operator("run-now")
def run_now(
    place: Place,
    facts: Facts,
    *,
    entry: Annotated[str, _ENTRY],
    words: Annotated[list[str] | None, _WORDS] = None,
    target: Annotated[str, _ONCE] = "kubernetes",
    deployed: Annotated[str | None, _DEPLOYED] = None,
) -> None:
    """Print a Job that runs an entry once, now, with other options: for `kubectl create -f -`.

    `kubectl create job --from=cronjob/…` takes no arguments.
    """
    rendering.only_kubernetes(target)
    config = place.read_aloud()
    found = find(config, entry)
    options = (*wording.given(declared(config)[found.job].job, words or ()),)
    if place.database is not None:
        options = ("--database", place.database, *options)
    put(rendering.once(found, options, facts.settings(config), deployed))


schedule = group(
    "schedule",
    "Show when jobs are due, and write it for a scheduler.",
    next_,
    render,
    run_now,
)
