"""Time zones by name, checked against the system's list where it has one."""

from maintcli.config.say import quote
from maintcli.config.section import Section
from maintcli.config.suggest import closest

_NO_ZONES = ("localtime", "posixrules", "Factory")  # what they are depends on the machine
_NO_FOLDERS = ("right/", "posix/")  # copies of all zones, of which right/ counts leap seconds


def check_zone(section: Section, key: str) -> str | None:
    """The zone under `key`, or None where it is not given. Raises ConfigError when unknown."""
    name = section.text(key)
    fault = None if name is None else fault_of_zone(name)
    if fault is not None:
        raise section.wrong(key, fault)
    return name


def fault_of_zone(name: str) -> str | None:
    """What is wrong with `name`, as a clause; None where it is the name of a zone."""
    if name == "UTC" or _exists(name):
        return None
    from zoneinfo import available_timezones

    zones = available_timezones()
    if not zones:  # a system without time zone data; the database will judge
        return None
    # CEST is not EST, and Etc/GMT+1 is west of GMT: only a name of a place is surely what is meant.
    places = (one for one in zones if "/" in one and not one.startswith("Etc/"))
    near = closest(name, ["UTC", *filter(_is_portable, places)])
    advice = f"did you mean {near}?" if near else 'write e.g. "UTC" or "Europe/Berlin"'
    return f"{quote(name)} is no time zone; {advice}"


def _is_portable(name: str) -> bool:
    return name not in _NO_ZONES and not name.startswith(_NO_FOLDERS)


def _exists(name: str) -> bool:
    from zoneinfo import ZoneInfo

    if not _is_portable(name):
        return False
    try:
        _ = ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return False
    return True
