"""Jobs that come with maint, and of which the configuration says nothing."""

from maintcli import catalog
from maintcli.config.model import Config


def is_unsaid(config: Config, name: str) -> bool:
    """Whether nobody can be said to want the built-in job `name`: no section, entry or variable."""
    prefix = f"MAINT_{name.upper().replace('-', '_')}_"
    return (
        name in catalog.JOBS
        and name not in config.jobs
        and all(planned.job != name for planned in config.schedules)
        and not any(variable.startswith(prefix) for variable in config.variables)
    )
