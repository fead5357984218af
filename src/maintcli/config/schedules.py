"""[[schedules]]: a job once more, at other times or with other options."""

from collections.abc import Mapping
from string import ascii_lowercase, digits
from typing import Final, cast

from maintcli.config import timing, values
from maintcli.config.say import bare, quote
from maintcli.config.section import Section
from maintcli.config.zone import check_zone
from maintcli.errors import ConfigError

_KEYS: Final = (*timing.KEYS, "job", "name", "timezone")
_LONGEST: Final = 40
_EXAMPLES: Final = {"job": "cleanup-sessions", "name": "cleanup-sessions-nightly"}


class Planned(Section):
    """One [[schedules]], known by its number. `name` is the key of its entry."""

    def __init__(self, top: Section, number: int, written: Mapping[str, object]) -> None:
        super().__init__(top.file, ("schedules", str(number)), written, top.variables)
        self.number: Final = number
        self.only(_KEYS)
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
    timing.check_timing(planned)
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
            reason=f'{planned.place()}: it is never due; write schedule = "0 3 * * *" or'
            ' every = "6h".'
        )
