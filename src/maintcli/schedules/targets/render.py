"""Render: a Blueprint, render.yaml, with a cron job for each cron of each entry.

Keys: Render's "Blueprint YAML Reference".
"""

import shlex
from collections.abc import Iterable, Sequence
from string import Template
from typing import Final

from maintcli.config.scheduler import Settings
from maintcli.schedules.model import Entry, Note, Rendered
from maintcli.schedules.targets.text import (
    comment,
    dockerfile,
    dockerfile_path,
    further,
    header,
    held,
    misplaced_config,
    missing_install,
    needs_dockerfile,
    noted,
    scalar,
)
from maintcli.schedules.targets.utc import Clock, in_utc

FILE: Final = "render.yaml"
_CLOCK: Final = Clock("Render")
_MOST_SECONDS: Final = 12 * 3600 - 600  # what Render allows, and time for the end
_PREFIX: Final = "maint-"
_ANOTHER: Final = "--"  # before the number of an entry's second cron; no key has two hyphens

_BLUEPRINT: Final = Template("""\
$header
# The jobs of maint as cron jobs of Render. Copy this to the root of the repository, or give its
# path when you make the Blueprint. Before that, make an environment group called maint in the
# dashboard, with DATABASE_URL in it. Times are UTC.
# The jobs read maint.toml at the root of the repository; without one they have their defaults.
${needs}${notes}services:
$services""")

_SERVICE: Final = Template("""\
  $summary
  - type: cron
    name: $name
$start    schedule: "$cron"
    plan: $plan
${region}    envVars:
      - fromGroup: maint
""")
_HERE: Final = Template("""\
    runtime: python
    buildCommand: pip install --require-hashes --requirement requirements/run.txt && pip install --no-deps --no-build-isolation .
    startCommand: $command
""")  # noqa: E501 - a line of YAML
_DOCKER: Final = Template("""\
    runtime: docker
    dockerfilePath: ./$dockerfile
    dockerCommand: $command
""")


def render(entries: Sequence[Entry], settings: Settings) -> Rendered:
    """The Blueprint; no file where there is nothing to put into it."""
    refused = [*missing_install(settings)]
    if refused:
        return Rendered({}, refused, refused=True)
    services: list[str] = []
    notes: list[Note] = [*misplaced_config(settings)]
    for entry in entries:
        crons, left_out = in_utc(entry, _CLOCK)
        notes += [*left_out, *_too_long(entry)]
        services += [_service(entry, cron, number, settings) for number, cron in enumerate(crons)]
    if not services:
        return Rendered({}, notes)
    text = _BLUEPRINT.substitute(
        header=header(FILE, "render"),
        needs=held("The group holds", further(entries)),
        notes=noted(notes),
        services="\n".join(services),
    )
    return Rendered({FILE: text, **dockerfile(settings, "render")}, notes)


def _too_long(entry: Entry) -> Iterable[Note]:
    if entry.timeout_seconds > _MOST_SECONDS:
        what = "Render stops a run after 12 hours, before its own timeout"
        yield Note(entry.key, what, 'the nearest is timeout = "11h"')


def _service(entry: Entry, cron: str, number: int, settings: Settings) -> str:
    template = _DOCKER if needs_dockerfile(settings) else _HERE
    return _SERVICE.substitute(
        summary=comment(entry.summary or entry.job),
        name=scalar(_PREFIX + entry.key + (f"{_ANOTHER}{number + 1}" if number else "")),
        start=template.substitute(
            dockerfile=dockerfile_path("render"),
            command=scalar(shlex.join(("maint", *entry.command))),
        ),
        cron=cron,
        plan=scalar(settings.plan),
        region=f"    region: {scalar(settings.region)}\n" if settings.region else "",
    )
