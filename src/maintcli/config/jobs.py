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
    sections = top.sections("jobs")
    for section in sections.values():
        timing.check_timing(section)
        check_zone(section, "timezone")
    return {name: section.values for name, section in sections.items()}
