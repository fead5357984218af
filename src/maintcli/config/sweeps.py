"""[sweeps.NAME]: a sweeping job without code."""

from typing import Final, NamedTuple

from maintcli.config import rule, timing
from maintcli.config.naming import is_plain
from maintcli.config.rule import Rule, read_rule
from maintcli.config.say import quote
from maintcli.config.section import Section
from maintcli.config.zone import check_zone
from maintcli.errors import ConfigError

OWN: Final = (
    *(key for key in rule.KEYS if key != rule.KEEP.key),
    *timing.KEYS,
    "description",
    "schedule-timezone",
    "show",
)
"""The keys beside the options of the job that the section makes."""
_LONGEST: Final = 40
_TAKEN: Final = frozenset({"jobs-runner"})  # the row that every run touches


class ConfiguredSweep(NamedTuple):
    """The section of one sweep, whose rule is also what makes its job."""

    name: str
    rule: Rule
    description: str | None


def read_sweeps(top: Section) -> dict[str, ConfiguredSweep]:
    """Every [sweeps.NAME] by its name. Raises ConfigError.

    The keys that are options of the job are read with the job, as those of [jobs.NAME] are.
    """
    return {name: _sweep(name, section) for name, section in top.sections("sweeps").items()}


def _sweep(name: str, section: Section) -> ConfiguredSweep:
    _check_name(name, section)
    timing.check_timing(section)
    check_zone(section, "schedule-timezone")
    return ConfiguredSweep(name, read_rule(section), section.text("description"))


def _check_name(name: str, section: Section) -> None:
    if not is_plain(name, _LONGEST) or name in _TAKEN:
        raise ConfigError(
            f"{section.place()}: {quote(name)} cannot be the name of a command; use up to"
            f" {_LONGEST} lowercase letters, digits and single hyphens, such as old-mail."
        )
