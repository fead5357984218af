"""Time zones by name, checked against the system's list where it has one."""

from maintcli.config.say import quote
from maintcli.config.section import Section
from maintcli.config.suggest import closest


def check_zone(section: Section, key: str) -> str | None:
    """The zone under `key`, or None where it is not given. Raises ConfigError when unknown."""
    name = section.text(key)
    if name is None or name == "UTC" or _exists(name):
        return name
    from zoneinfo import available_timezones

    zones = available_timezones()
    if not zones:  # a system without time zone data; the database will judge
        return name
    near = closest(name, zones)
    advice = f"did you mean {near}?" if near else 'write e.g. "UTC" or "Europe/Berlin"'
    raise section.wrong(key, f"{quote(name)} is no time zone; {advice}")


def _exists(name: str) -> bool:
    from zoneinfo import ZoneInfo

    try:
        _ = ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return False
    return True
