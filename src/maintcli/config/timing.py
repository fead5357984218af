"""Which jobs maint.toml enables and when they are due: [jobs.NAME] and [[schedules]]."""

import re
from collections.abc import Mapping
from typing import Final

from maintcli.config import values
from maintcli.config.messages import bare, quote
from maintcli.config.section import Numbered, Section
from maintcli.errors import ConfigError

KEYS: Final = ("enabled", "every", "options", "parallelism", "schedule")
"""What a section of a job says for schedulers; where it names no table it has `timezone`, too."""
SCHEDULERS: Final = (*KEYS, "timezone")
"""The keys of [jobs.NAME] that no run reads."""
RESERVED: Final = (*SCHEDULERS, "timeout")
"""The keys of [jobs.NAME] beside the options of the job."""
_NEEDED: Final = {"job": "cleanup-sessions", "name": "cleanup-sessions-nightly"}
"""The keys that no [[schedules]] goes without, each with an example."""
_ENTRY_KEYS: Final = (*SCHEDULERS, *_NEEDED)
_ENTRY_NAME: Final = "[a-z0-9]+(-[a-z0-9]+)*"
_LONGEST: Final = 40
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
    words(section)
    every(section)
    parallelism(section)
    section.zone(zone)


def every(section: Section) -> str | None:
    """The text of `every`, which is a duration, or None. Raises ConfigError."""
    text = section.text("every")
    if text is None:
        return None
    if "schedule" in section.values:
        raise section.wrong("every", "it cannot be combined with schedule; remove one of the two")
    section.parse("every", text, values.age)
    return text.strip()


def words(section: Section) -> tuple[str, ...]:
    """The words of `options`: a list as written, or one text split as a shell would.

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
            raise self.missing(key, _NEEDED[key], _ENTRY_KEYS)
        return found.strip()


def read_schedules(top: Section) -> tuple[Planned, ...]:
    """Every entry, in the order of the file. Raises ConfigError."""
    found: dict[str, Planned] = {}
    for number, written in enumerate(top.array("schedules", "entry"), start=1):
        planned = Planned(top, number, written)
        _check(planned)
        if planned.name in found:
            taken = f"{bare(planned.name)} is the name of entry {found[planned.name].number}"
            raise planned.wrong("name", f"{taken}; change one")
        found[planned.name] = planned
    return tuple(found.values())


def _check(planned: Planned) -> None:
    check_timing(planned)
    name = planned.name
    if not re.fullmatch(_ENTRY_NAME, name):
        raise planned.wrong("name", f"{quote(name)} has more than lowercase letters, digits and"
                            " single hyphens; write e.g. cleanup-sessions-nightly")  # fmt: skip
    if len(name) > _LONGEST:
        raise planned.wrong("name", f"{quote(name)} is longer than {_LONGEST} characters")
    if "every" not in planned.values and not planned.texts("schedule", single=True):
        raise ConfigError(
            f'{planned.place()}: it is never due; write schedule = "0 3 * * *" or every = "6h".'
        )
