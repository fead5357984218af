"""When jobs are due: the keys of a section, and [[schedules]], a job at further times."""

from collections.abc import Mapping
from string import ascii_lowercase, digits
from typing import Final, cast

from maintcli.config import values
from maintcli.config.duration import Duration
from maintcli.config.say import bare, quote
from maintcli.config.section import Section
from maintcli.config.zone import check_zone
from maintcli.errors import ConfigError

KEYS: Final = ("enabled", "every", "options", "parallelism", "schedule")
_MOST_PARTS: Final = 1000
_ENTRY_KEYS: Final = (*KEYS, "job", "name", "timezone")
_LONGEST: Final = 40
_EXAMPLES: Final = {"job": "cleanup-sessions", "name": "cleanup-sessions-nightly"}


def check_timing(section: Section) -> None:
    """Raise ConfigError for a value of the wrong kind, and for `every` next to `schedule`."""
    section.boolean("enabled")
    section.texts("schedule", single=True)
    words(section)
    every(section)
    parallelism(section)


def every(section: Section) -> str | None:
    """The text of `every`, which is a duration, or None. Raises ConfigError."""
    text = section.text("every")
    if text is None:
        return None
    if "schedule" in section.values:
        raise section.wrong(
            "every", "it does not go with schedule, which says the same in full; leave out one"
        )
    try:
        Duration.parse(text)
    except ValueError as error:
        raise section.wrong("every", str(error)) from None
    return text.strip()


def words(section: Section) -> tuple[str, ...]:
    """The words of `options`: a list as it stands, or one text split as a shell would.

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
    """How many processes shall share the work, where a scheduler can start several at once.

    1 where nothing is said. Raises ConfigError.
    """
    value = section.values.get("parallelism", 1)
    try:
        parts = values.integer(value)
    except ValueError as error:
        raise section.wrong("parallelism", str(error)) from None
    if not 1 <= parts <= _MOST_PARTS:
        raise section.wrong("parallelism", f"{parts} will not do; have 1 to {_MOST_PARTS}")
    return parts


class Planned(Section):
    """One [[schedules]], known by its number. `name` is the key of its entry."""

    def __init__(self, top: Section, number: int, written: Mapping[str, object]) -> None:
        super().__init__(top.file, ("schedules", str(number)), written, top.variables)
        self.number: Final = number
        self.only(_ENTRY_KEYS)
        self.job: Final = self._needed("job")
        self.name: Final = self._needed("name")

    @property
    def header(self) -> str:
        """What messages call it: `[[schedules]] entry 2`."""
        return f"[[schedules]] entry {self.number}"

    def _needed(self, key: str) -> str:
        found = self.text(key)
        if found is None:
            raise self.wrong(key, f'it is missing; write e.g. {key} = "{_EXAMPLES[key]}"')
        return found.strip()


def read_schedules(top: Section) -> tuple[Planned, ...]:
    """Every entry, in the order of the file. Raises ConfigError."""
    written = top.values.get("schedules", [])
    if not isinstance(written, list):
        raise top.wrong("schedules", _clause(written))
    found: list[Planned] = []
    for number, table in enumerate(cast("list[object]", written), start=1):
        if not isinstance(table, dict):
            raise top.wrong("schedules", f"in its list, {_clause(table)}")
        planned = Planned(top, number, cast("dict[str, object]", table))
        _check(planned, {other.name: other.number for other in found})
        found.append(planned)
    return tuple(found)


def _clause(value: object) -> str:
    kind = values.toml_type(value)
    return f"it is {kind} and must be a list of tables; write [[schedules]] over each entry"


def _check(planned: Planned, taken: Mapping[str, int]) -> None:
    check_timing(planned)
    check_zone(planned, "timezone")
    name = planned.name
    if not all(name.split("-")) or set(name) - set(ascii_lowercase + digits + "-"):
        raise planned.wrong("name", f"{quote(name)} has more than lowercase letters, digits and"
                            " single hyphens; write e.g. cleanup-sessions-nightly")  # fmt: skip
    if len(name) > _LONGEST:
        raise planned.wrong("name", f"{quote(name)} is longer than {_LONGEST} characters")
    if name in taken:
        raise planned.wrong("name", f"{bare(name)} is the name of entry {taken[name]}; change one")
    if "every" not in planned.values and not planned.texts("schedule", single=True):
        raise ConfigError(
            f'{planned.place()}: it is never due; write schedule = "0 3 * * *" or every = "6h".'
        )
