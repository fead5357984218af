"""Railway: a file for each cron of each entry, since a service has one command and one cron.

Keys: Railway's "Config as Code" reference.
"""

import json
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from string import Template
from typing import Final, cast

from maintcli.schedules.entry import Entry, Found, Note, Rendered, Settings
from maintcli.schedules.targets.commandline import split
from maintcli.schedules.targets.comments import comment, noted
from maintcli.schedules.targets.dockerfile import dockerfile, is_needed, missing
from maintcli.schedules.targets.dockerfile import path as path_of_dockerfile
from maintcli.schedules.targets.header import header
from maintcli.schedules.targets.needed import further, held
from maintcli.schedules.targets.root import misplaced
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
    refused = [*missing(settings)]
    if refused:
        return Rendered({}, refused, refused=True)
    services: list[tuple[Entry, str, str]] = []
    notes: list[Note] = [*misplaced(settings)]
    for entry in entries:
        crons, left_out = in_utc(entry, _CLOCK)
        notes += left_out
        for number, cron in enumerate(crons):
            services.append((entry, cron, _path(entry.key, number) if services else FILE))
    paths = "".join(f"#   {path}\n" for _, _, path in services)
    guide = _GUIDE.substitute(paths=paths, notes=noted(notes))
    built = path_of_dockerfile("railway") if is_needed(settings) else "Dockerfile"
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


def parse(files: Mapping[str, str]) -> list[Found]:
    """Every service that runs maint, those of one entry together. The times are in UTC.

    Raises ValueError, with the file, for what is no TOML or no command line.
    """
    found: dict[str, Found] = {}
    for path, text in files.items():
        if path.endswith("Dockerfile"):
            continue
        try:
            deploy = _deploy(text)
            command = split(str(deploy.get("startCommand", "")))
        except RecursionError:
            raise ValueError(f"{path}: it is nested too deeply") from None
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        if command:
            _add(found, _key(text), command, deploy)
    return list(found.values())


def _deploy(text: str) -> Mapping[str, object]:
    found = tomllib.loads(text).get("deploy")
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}


def _add(
    found: dict[str, Found], key: str, command: Sequence[str], deploy: Mapping[str, object]
) -> None:
    job, *options = command
    key = key or job
    crons = (str(deploy["cronSchedule"]),) if "cronSchedule" in deploy else ()
    before = found[key].expressions if key in found else ()
    found[key] = Found(key, job, (*before, *crons), options=tuple(options))


def _key(text: str) -> str:
    lines = (line for line in text.splitlines() if line.startswith(_KEY))
    return next(lines, "").removeprefix(_KEY).strip()
