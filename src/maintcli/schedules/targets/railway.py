"""Railway: a file for each cron of each entry, since a service has one command and one cron.

Keys: Railway's "Config as Code" reference.
"""

import json
import shlex
from collections.abc import Sequence
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
)
from maintcli.schedules.targets.utc import Clock, in_utc

FILE: Final = "railway.toml"  # what Railway looks for, so that of the first service
FOLDER: Final = "railway"
_CLOCK: Final = Clock("Railway", least_minutes=5)
_KEY: Final = "# maint: "

_SERVICE: Final = Template("""\
$header
$key
$summary
${needs}\
$more
[build]
builder = "DOCKERFILE"
dockerfilePath = "$dockerfile"

[deploy]
startCommand = $command
cronSchedule = "$cron"  # UTC
restartPolicyType = "NEVER"  # the next run is the next try
""")
_GUIDE: Final = Template("""\
#
# A service of Railway has one command and one schedule, so each schedule is a service, made from
# this repository, with DATABASE_URL among its variables and the path of one of these files as its
# config file. The Dockerfile takes along the maint.toml at the root of the repository, if there is
# one; without it the jobs have their defaults.
$paths$notes""")


def render(entries: Sequence[Entry], settings: Settings) -> Rendered:
    """A file for each service; the first one has the name that Railway looks for."""
    refused = [*missing_install(settings)]
    if refused:
        return Rendered({}, refused, refused=True)
    services: list[tuple[Entry, str, str]] = []
    notes: list[Note] = [*misplaced_config(settings)]
    for entry in entries:
        crons, left_out = in_utc(entry, _CLOCK)
        notes += left_out
        for number, cron in enumerate(crons):
            services.append((entry, cron, _path(entry.key, number) if services else FILE))
    paths = "".join(f"#   {path}\n" for _, _, path in services)
    guide = _GUIDE.substitute(paths=paths, notes=noted(notes))
    built = dockerfile_path("railway") if needs_dockerfile(settings) else "Dockerfile"
    files = {
        path: _service(entry, cron, path, built, guide if path == FILE else "")
        for entry, cron, path in services
    }
    return Rendered(files | (dockerfile(settings, "railway") if files else {}), notes)


def _path(key: str, number: int) -> str:
    return f"{FOLDER}/{key}{f'.{number + 1}' if number else ''}.toml"


def _service(entry: Entry, cron: str, path: str, built: str, more: str) -> str:
    return _SERVICE.substitute(
        dockerfile=built,
        header=header(path, "railway"),
        key=f"{_KEY}{entry.key}",
        summary=comment(entry.summary or entry.job),
        needs=held("Its service needs", further([entry])),
        more=more,
        command=_string(shlex.join(("maint", *entry.command))),
        cron=cron,
    )


def _string(text: str) -> str:
    """As a text in TOML, which is that of JSON but for one character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
