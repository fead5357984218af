"""What schedulers are told: which jobs are enabled and when they are due, and of the machine."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Final, NamedTuple, get_type_hints

from maintcli.config import values
from maintcli.config.messages import bare, hint, quote
from maintcli.config.section import Numbered, Section
from maintcli.errors import ConfigError

TIMING_KEYS: Final = ("enabled", "every", "options", "parallelism", "schedule")
"""What a section of a job says for schedulers; where it names no table it has `timezone`, too."""
SCHEDULERS: Final = (*TIMING_KEYS, "timezone")
"""The keys of [jobs.NAME] that no run reads."""
RESERVED: Final = (*SCHEDULERS, "timeout")
"""The keys of [jobs.NAME] beside the options of the job."""
_ENTRY_NEEDED: Final = {"job": "cleanup-sessions", "name": "cleanup-sessions-nightly"}
"""The keys that no [[schedules]] goes without, each with an example."""
_ENTRY_KEYS: Final = (*SCHEDULERS, *_ENTRY_NEEDED)
_ENTRY_NAME: Final = "[a-z0-9]+(-[a-z0-9]+)*"
_LONGEST_NAME: Final = 40
_MOST_PARTS: Final = 1000


def read_jobs(top: Section) -> dict[str, Mapping[str, object]]:
    """Every [jobs.NAME] as written; the reserved keys are checked for their types.

    The others are the job's options, which only the job knows. `jobs = ["NAME"]` is short for
    sections that are empty. Raises ConfigError.
    """
    if isinstance(top.values.get("jobs"), list):
        return {name: {} for name in top.texts("jobs")}
    if isinstance(top.values.get("jobs"), str):
        raise top.wrong("jobs", 'it is text and must be a list: jobs = ["cleanup-sessions"]')
    sections = top.sections("jobs")
    for section in sections.values():
        check_timing(section)
        if section.values.get("schedule") == []:
            raise section.wrong("schedule", "its list is empty; give it a time or remove the line")
    return {name: section.values for name, section in sections.items()}


def check_timing(section: Section, zone: str = "timezone") -> None:
    """Raise ConfigError for a value of the wrong kind, and for `every` next to `schedule`.

    `zone` is the key of the schedule's time zone.
    """
    section.boolean("enabled")
    section.texts("schedule", single=True)
    option_words(section)
    every_text(section)
    parallelism(section)
    section.zone(zone)


def every_text(section: Section) -> str | None:
    """The text of `every`, which is a duration, or None. Raises ConfigError."""
    text = section.text("every")
    if text is None:
        return None
    if "schedule" in section.values:
        raise section.wrong("every", "it cannot be combined with schedule; remove one of the two")
    section.parse("every", text, values.age)
    return text.strip()


def option_words(section: Section) -> tuple[str, ...]:
    """The option_words of `options`: a list as written, or one text split as a shell would.

    `${NAME}` is not filled in: they are written into files that others read. Raises ConfigError.
    """
    if not isinstance(section.values.get("options"), str):
        return section.texts("options")
    import shlex

    (text,) = section.texts("options", single=True)
    try:
        return tuple(shlex.split(text))
    except ValueError:
        raise section.wrong(
            "options", 'a quotation mark is left open; write a list: ["--limit", "1000"]'
        ) from None


def parallelism(section: Section) -> int:
    """How many processes share the work, where a scheduler can start several at once.

    The default is 1. Raises ConfigError.
    """
    value = section.values.get("parallelism", 1)
    parts = section.parse("parallelism", value, values.integer)
    if not 1 <= parts <= _MOST_PARTS:
        raise section.wrong("parallelism", f"{parts} is out of range; use 1 to {_MOST_PARTS}")
    return parts


class Planned(Numbered):
    """One [[schedules]], an entry called `name` that starts `job`."""

    __slots__ = ("job", "name")

    def __init__(self, top: Section, number: int, written: Mapping[str, object]) -> None:
        super().__init__(top, "schedules", "entry", number, written)
        self.only(_ENTRY_KEYS)
        self.job: Final = self._needed("job")
        self.name: Final = self._needed("name")

    def _needed(self, key: str) -> str:
        found = self.text(key)
        if found is None:
            raise self.missing(key, _ENTRY_NEEDED[key], _ENTRY_KEYS)
        return found.strip()


def read_schedules(top: Section) -> tuple[Planned, ...]:
    """Every entry, in the order of the file. Raises ConfigError."""
    found: dict[str, Planned] = {}
    for number, written in enumerate(top.array("schedules", "entry"), start=1):
        planned = Planned(top, number, written)
        _check_entry(planned)
        if planned.name in found:
            taken = f"{bare(planned.name)} is the name of entry {found[planned.name].number}"
            raise planned.wrong("name", f"{taken}; change one")
        found[planned.name] = planned
    return tuple(found.values())


def _check_entry(planned: Planned) -> None:
    check_timing(planned)
    name = planned.name
    if not re.fullmatch(_ENTRY_NAME, name):
        raise planned.wrong("name", f"{quote(name)} has more than lowercase letters, digits and"
                            " single hyphens; write e.g. cleanup-sessions-nightly")  # fmt: skip
    if len(name) > _LONGEST_NAME:
        raise planned.wrong("name", f"{quote(name)} is longer than {_LONGEST_NAME} characters")
    if "every" not in planned.values and not planned.texts("schedule", single=True):
        raise ConfigError(
            f'{planned.place()}: it is never due; write schedule = "0 3 * * *" or every = "6h".'
        )


BY_HAND: Final = "by-hand"
STARTS: Final = ("by-itself", BY_HAND)
_LONGEST: Final = 500
_PATHS: Final = ("command", "variables")
_SOURCES: Final = ("action", "image", "install")
_PLACEHOLDER: Final = re.compile(r"\b(OWNER|REPOSITORY|SHA|VERSION)\b")
_LOGIN: Final = re.compile(r"://[^/]*@")


class Key(NamedTuple):
    """A key of [schedule], and the option of `maint schedule render` with the same name."""

    metavar: str
    help: str
    example: str = ""


class Settings(NamedTuple):
    """What the targets get. A field with a `Key` is a key of [schedule], declared here alone."""

    command: Annotated[str, Key("PATH", "crontab, systemd: where maint is.")] = (
        "/usr/local/bin/maint"
    )
    variables: Annotated[str, Key("PATH", "crontab, systemd: the file of variables.")] = (
        "/etc/maint/env"
    )
    mailto: Annotated[
        str, Key("ADDRESS", "crontab: who is mailed when a job fails.", "ops@example.com")
    ] = ""
    user: Annotated[
        str, Key("NAME", "crontab: who runs the jobs; makes a file for /etc/cron.d.", "maint")
    ] = ""
    zone: Annotated[str, Key("ZONE", "crontab: the clock of the machine.")] = "UTC"
    image: Annotated[
        str,
        Key(
            "NAME",
            "kubernetes, railway, render: the image with maint in it.",
            "ghcr.io/OWNER/maint:0.1.0",
        ),
    ] = ""
    install: Annotated[
        str,
        Key(
            "PACKAGE|URL",
            "railway, render: what pip installs maint from.",
            "git+https://github.com/OWNER/maint@SHA",
        ),
    ] = ""
    namespace: Annotated[str, Key("NAME", "kubernetes: where the CronJobs will be.", "jobs")] = ""
    secret: Annotated[
        str, Key("NAME", "kubernetes: the secret that holds DATABASE_URL.", "maint")
    ] = ""
    action: Annotated[
        str, Key("NAME", "github: what `uses:` names, such as OWNER/REPOSITORY@SHA.")
    ] = "./"
    start: Annotated[str, Key("|".join(STARTS), "github: by-hand leaves the times out.")] = (
        "by-itself"
    )
    runs_on: Annotated[str, Key("LABELS", "github: the runner, as in self-hosted,linux.")] = (
        "ubuntu-24.04"
    )
    environment: Annotated[str, Key("NAME", "github: which holds the secrets.")] = "production"
    plan: Annotated[str, Key("NAME", "render: the instance type.")] = "starter"
    region: Annotated[
        str, Key("NAME", "render: where the jobs run, near the database.", "frankfurt")
    ] = ""
    # What is seen where the files are rendered:
    config: str = ""  # the text of maint.toml, for the ConfigMap
    config_file: str = ""  # crontab, systemd: the settings, absolute; empty: there are none
    elsewhere: str = ""  # the file with settings that runs need, if not maint.toml at the root
    hidden: str = ""  # systemd: why a service could not start the command, as a clause
    is_home: bool = True  # the files are for the repository of maint itself


KEYS: Final[dict[str, Key]] = {
    field.replace("_", "-"): key
    for field, kind in get_type_hints(Settings, include_extras=True).items()
    for key in getattr(kind, "__metadata__", ())
}
"""By name: `runs-on` for the field `runs_on`. `timezone`, which no target gets, is one more."""


def default(key: str) -> str:
    """What a target gets where `key` is not given; blank: nothing."""
    return str(Settings._field_defaults[key.replace("-", "_")])


def read_scheduler(top: Section) -> Section:
    """The section, its keys and types checked; an empty one where it is not given.

    `timezone` is that of all schedules that name none. In the rest `${NAME}` is filled in when it
    is asked for: the machine that runs the jobs may not know what the one that renders them does.
    Raises ConfigError.
    """
    if isinstance(top.values.get("schedule"), list):
        raise top.wrong("schedule", "an entry stands under [[schedules]], with an s")
    section = top.section("schedule")
    section.only((*KEYS, "timezone"))
    for key in section.values:
        section.raw_text(key)
    section.zone("timezone")
    return section


def read_settings(section: Section) -> dict[str, str]:
    """What is given, by key. Raises ConfigError for a value that no scheduler could use."""
    return {
        key: section.parse(key, section.text(key), partial(check, key))
        for key in KEYS
        if key in section.values
    }


def check(key: str, value: object) -> str:
    """The text of `key`. Raises ValueError, with a clause, where no scheduler could use it."""
    text = str(value)
    if key == "install" and _LOGIN.search(text):
        raise ValueError("a name or a password in its URL would stand in a file; leave it out")
    if not text.strip() or not text.isprintable():
        raise ValueError(f"{quote(text)} is not valid; leave it out or give it a value")
    if len(text) > _LONGEST:
        raise ValueError(f"{quote(text)} is longer than {_LONGEST} characters")
    if key in _PATHS and not text.startswith("/"):
        raise ValueError(f"{quote(text)} is relative; a scheduler needs the whole path: /…")
    if key in _SOURCES and (found := _PLACEHOLDER.search(text)):
        raise ValueError(f"{found[0]} in {quote(text)} is a placeholder; put your own there")
    if key not in _PATHS and " " in text:
        raise ValueError(f"{quote(text)} has a blank in it")
    _check_form(key, text)
    return text


def _check_form(key: str, text: str) -> None:
    if key == "install" and text.startswith("-"):
        raise ValueError(f"{quote(text)} is an option; name what pip is to install")
    if key == "runs-on" and not all(text.split(",")):
        raise ValueError(f"{quote(text)} has an empty label; write e.g. self-hosted,linux")
    if key == "start" and text not in STARTS:
        raise ValueError(f"there is no {quote(text)}; {hint(text, STARTS)}")
    if key == "zone":
        values.zone(text)
