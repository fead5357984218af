"""A short hash that tells two configurations apart without telling a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from maintcli.config.model import Config

# Where a run is, and who started it, changes nothing of what it does.
_EVERY_RUN_ITS_OWN: Final = frozenset(
    {
        *("MAINT_CONFIG", "MAINT_ENV_FILE", "MAINT_LOG_FILE", "MAINT_ORIGIN"),
        *("MAINT_RUN_GROUP", "MAINT_SCHEDULED_FOR"),
    }
)


def fingerprint(config: Config) -> str:
    """Twelve hexadecimal digits over the settings as written; `defaults` where there are none."""
    variables = _variables(config)
    if config.path is None and not variables:
        return "defaults"  # and the import of hashlib, some 3 ms, is saved
    import json
    from hashlib import sha256

    text = json.dumps({**_settings(config), "variables": variables}, sort_keys=True, default=str)
    return sha256(text.encode()).hexdigest()[:12]


def _variables(config: Config) -> dict[str, str]:
    return {
        name: config.variables.raw(name)
        for name in config.variables
        if name.startswith("MAINT_") and name not in _EVERY_RUN_ITS_OWN
    }


def _settings(config: Config) -> dict[str, object]:
    return {
        "databases": {n: str(s.schema and s.schema.value) for n, s in config.databases.items()},
        "jobs": dict(config.jobs),
        "tables": {key: repr(table) for key, table in config.tables.items()},
        "sweeps": {name: dict(sweep.rule.values) for name, sweep in config.sweeps.items()},
        "retention": [dict(rule.values) for rule in config.retention],
        "schedules": [dict(planned.values) for planned in config.schedules],
        "triggers": {name: dict(one.section.values) for name, one in config.triggers.items()},
        "plugins": sorted(config.plugins),
        "max-concurrent-jobs": config.max_concurrent.value,
    }
