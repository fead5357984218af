"""GitHub Actions: one workflow, in which each entry is a job that its own cron selects."""

import math
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from string import Template
from textwrap import indent
from typing import Final

from maintcli.config.scheduler import BY_HAND, Settings
from maintcli.schedules.model import Entry, Note, Rendered
from maintcli.schedules.targets.text import (
    comment,
    further,
    header,
    held,
    misplaced_config,
    noted,
    scalar,
)
from maintcli.schedules.targets.utc import Clock, Cron, crons

FILE: Final = "maintenance.yml"
CHECKOUT: Final = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1  # v7.0.1"
_CLOCK: Final = Clock("GitHub", least_minutes=5, has_zones=True)
_SETUP_MINUTES: Final = 6  # to check out, to install, and for the end of a run that was stopped
_MOST_MINUTES: Final = 360  # GitHub's own limit

_WORKFLOW: Final = Template("""\
$header
# Change maint.toml, and render again.
# What is scheduled begins once the repository has the variable MAINT_ENABLED with the value true;
# a run by hand does without. DATABASE_URL is a secret of the environment called $environment.
# maint.toml is read from the root of the repository. GitHub starts schedules late at busy times,
# leaves some out, and ends them in a public repository after 60 days without a commit.
${needs}${here}${notes}name: Maintenance
run-name: $${{ inputs.job || github.event.schedule }}

on:
${schedule}  workflow_dispatch:
    inputs:
      job:
        description: The job to run now
        type: choice
        required: true
        options:
$choices
      dry-run:
        description: Only say what the job would do
        type: boolean
        default: true

permissions: {}

jobs:
$jobs
  # GitHub may start the workflow once more at a time that was taken out of it. Then no job above
  # runs, and a run without any would count as a success.
  _unknown:
    name: unknown schedule
    if: $unknown
    runs-on: $runner
    timeout-minutes: 5
    concurrency:
      group: maint-unknown-schedule
      cancel-in-progress: false
    permissions: {}
    steps:
      - shell: bash
        env:
          SCHEDULE: $${{ github.event.schedule }}
        run: |
          echo "::error title=maint::No job is scheduled at '$$SCHEDULE'; nothing was run"
          exit 1
""")

_JOB: Final = Template("""\
  $summary
  $id:
    name: $name
    if: $condition
    runs-on: $runner
    timeout-minutes: $minutes  # above the job's own timeout, so that it can say how it ended
    environment: $environment
    concurrency:
      group: $group
      cancel-in-progress: false
    permissions:
      contents: read  # to check out
    steps:
      - uses: $checkout
        with:
          persist-credentials: false
      - uses: $action
        with:
          job: $job
$options          dry-run: $${{ inputs.dry-run }}
$env""")

_HERE: Final = "./"
_SAYS_HERE: Final = """\
# "uses: ./" is for the repository of maint itself. In another one it is OWNER/maint@SHA, with the
# full SHA of a commit.
"""
# `$/`, which zizmor would have in its place, can name a folder and not the root.
_IGNORED: Final = "  # zizmor: ignore[self-repository]"

_WITHOUT_TIMES: Final = 'Nothing starts by itself here: [schedule] start = "by-hand".'
_PINNED: Final = re.compile(r"[^@\s]+@[0-9a-f]{40}")


def render(entries: Sequence[Entry], settings: Settings) -> Rendered:
    """The workflow; no file where there is no entry."""
    if not entries:
        return Rendered({})
    if settings.action == _HERE and not settings.is_home:
        what = '"uses: ./" works in the repository of maint alone'
        near = "name your fork and a commit: --action OWNER/maint@SHA, or action under [schedule]"
        return Rendered({}, [Note("action", what, near)], refused=True)
    keys: dict[Cron, list[str]] = {}
    zones: dict[str, str] = {}
    notes = [*misplaced_config(settings), *_unpinned(settings.action)]
    jobs: list[str] = []
    for entry in entries:
        found, left_out = crons(entry, _CLOCK)
        said = [cron for cron in found if zones.setdefault(cron.text, cron.zone) == cron.zone]
        alike = (_alike(entry.key, cron, zones[cron.text]) for cron in found if cron not in said)
        notes += [*left_out, *alike, *_too_long(entry)]
        for cron in said:
            keys.setdefault(cron, []).append(entry.key)
        jobs.append(_job(entry, [cron.text for cron in said], settings))
    text = _WORKFLOW.substitute(
        header=header(FILE, "github"),
        here=_SAYS_HERE if settings.action == _HERE else "",
        needs=held("That environment holds", further(entries)),
        notes=noted(notes),
        schedule=_schedule(keys, settings.start),
        unknown=_unknown(zones),
        runner=_runner(settings),
        environment=_text(settings.environment),
        choices="\n".join(f"          - {_text(entry.key)}" for entry in entries),
        jobs="\n".join(jobs),
    )
    return Rendered({FILE: text}, notes)


def _schedule(keys: Mapping[Cron, Iterable[str]], start: str) -> str:
    """Each cron once, since the jobs that it selects are named by their own conditions."""
    if not keys:
        return ""
    lines = ["schedule:"]
    for cron, some in keys.items():
        lines.append(f'  - cron: "{cron.text}"  {comment(", ".join(some))}')
        lines += [f"    timezone: {cron.zone}"] if cron.zone != "UTC" else []
    if start == BY_HAND:
        lines = [f"# {line}" for line in [_WITHOUT_TIMES, *lines]]
    return indent("\n".join(lines), "  ") + "\n"


def _job(entry: Entry, crons: Sequence[str], settings: Settings) -> str:
    job, *words = entry.command
    options = f"          options: {_text(shlex.join(words))}\n" if words else ""
    return _JOB.substitute(
        summary=comment(entry.summary or entry.job),
        id=_id(entry.key),
        name=_text(entry.key),
        condition=_condition(entry.key, crons),
        runner=_runner(settings),
        environment=_text(settings.environment),
        minutes=_minutes(entry),
        group=_text(f"maint-{entry.key}"),
        checkout=CHECKOUT,
        action=_action(settings.action),
        job=_text(job),
        options=options,
        env=_env(entry),
    )


def _runner(settings: Settings) -> str:
    labels = [_text(label) for label in settings.runs_on.split(",")]
    return f"[{', '.join(labels)}]" if labels[1:] else labels[0]


def _env(entry: Entry) -> str:
    """What it needs, of the secrets."""
    lines = (f"          {name}: ${{{{ secrets.{name} }}}}\n" for name in entry.needs)
    return f"        env:\n{''.join(lines)}" if entry.needs else ""


def _alike(key: str, cron: Cron, other: str) -> Note:
    """GitHub says which cron started a run, and not in which zone."""
    what = f'"{cron.text}" in {cron.zone} is left out, since another entry has it in {other}'
    return Note(key, what, "the nearest is another minute")


def _action(action: str) -> str:
    return f"{_HERE}{_IGNORED}" if action == _HERE else scalar(action)


def _unpinned(action: str) -> Iterable[Note]:
    if action != _HERE and not _PINNED.fullmatch(action):
        what = f"others can change what {action} runs"
        yield Note("action", what, "the nearest is OWNER/REPOSITORY@SHA, with a full SHA")


def _condition(key: str, crons: Sequence[str]) -> str:
    """By hand where it was chosen; by itself where one of its own crons is due."""
    chosen = f"inputs.job == {_literal(key)}"
    due = " || ".join(f"github.event.schedule == {_literal(cron)}" for cron in crons)
    if not due:
        return chosen
    due = f"({due})" if len(crons) > 1 else due
    return f"{chosen} || vars.MAINT_ENABLED == 'true' && {due}"


def _unknown(crons: Iterable[str]) -> str:
    others = (f" && github.event.schedule != {_literal(cron)}" for cron in crons)
    scheduled = "github.event_name == 'schedule' && vars.MAINT_ENABLED == 'true'"
    return f"{scheduled}{''.join(others)}"


def _minutes(entry: Entry) -> int:
    return min(math.ceil(entry.timeout_seconds / 60) + _SETUP_MINUTES, _MOST_MINUTES)


def _too_long(entry: Entry) -> Iterable[Note]:
    if entry.timeout_seconds / 60 + _SETUP_MINUTES > _MOST_MINUTES:
        what = "GitHub ends a job after 6 hours, before its own timeout"
        yield Note(entry.key, what, 'the nearest is timeout = "350m"')


def _id(key: str) -> str:
    """An identifier may not begin with a digit."""
    return key if key[:1].isalpha() else f"_{key}"


def _text(text: str) -> str:
    """A scalar in which GitHub finds no expression, `${{ … }}`, of its own."""
    return scalar(text.replace("${{", "${{ '${{' }}"))


def _literal(text: str) -> str:
    """`text` as a constant within an expression."""
    return "'" + text.replace("'", "''") + "'"
