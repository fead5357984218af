"""The jobs that maint.toml names, and what may stand under [jobs.NAME] beside their options."""

from collections.abc import Mapping
from typing import Final

from maintcli.config import timing
from maintcli.config.section import Section
from maintcli.config.zone import check_zone

SCHEDULERS: Final = (*timing.KEYS, "timezone")
"""What a run never asks for."""
RESERVED: Final = (*SCHEDULERS, "timeout")


def read_jobs(top: Section) -> dict[str, Mapping[str, object]]:
    """Every [jobs.NAME] as it stands; the reserved keys are checked for their types.

    The others are the job's options, which only the job knows. `jobs = ["NAME"]` is short for
    sections that are empty. Raises ConfigError.
    """
    if isinstance(top.values.get("jobs"), list):
        return {name: {} for name in top.texts("jobs")}
    if isinstance(top.values.get("jobs"), str):
        raise top.wrong("jobs", 'it is text and must be a list: jobs = ["cleanup-sessions"]')
    sections = top.sections("jobs")
    for section in sections.values():
        timing.check_timing(section)
        check_zone(section, "timezone")
        if section.values.get("schedule") == []:
            raise section.wrong("schedule", "its list is empty; give it a time or remove the line")
    return {name: section.values for name, section in sections.items()}
