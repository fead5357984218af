"""[jobs.NAME]: what may stand there beside the job's own options."""

from collections.abc import Mapping
from typing import Final

from maintcli.config.section import Section
from maintcli.config.zone import check_zone

RESERVED: Final = ("enabled", "schedule", "timeout", "timezone")


def read_jobs(top: Section) -> dict[str, Mapping[str, object]]:
    """Every [jobs.NAME] as it stands; the reserved keys are checked for their types.

    The others are the job's options, which only the job knows. Raises ConfigError.
    """
    sections = top.sections("jobs")
    for section in sections.values():
        section.boolean("enabled")
        section.texts("schedule", single=True)
        section.texts("options", single=True)
        section.text("every")
        check_zone(section, "timezone")
    return {name: section.values for name, section in sections.items()}
