"""[schedule]: what a scheduler has to know of the place where it will start the jobs."""

import re
from typing import Final

from maintcli.config.say import quote
from maintcli.config.section import Section
from maintcli.config.suggest import hint
from maintcli.config.zone import check_zone, fault_of_zone

KEYS: Final = (
    "action",
    "command",
    "environment",
    "image",
    "install",
    "mailto",
    "namespace",
    "plan",
    "region",
    "runs-on",
    "secret",
    "start",
    "timezone",
    "user",
    "variables",
    "zone",
)
BY_HAND: Final = "by-hand"
STARTS: Final = ("by-itself", BY_HAND)
_LONGEST: Final = 500
_PATHS: Final = ("command", "variables")
_SOURCES: Final = ("action", "image", "install")
_PLACEHOLDER: Final = re.compile(r"\b(OWNER|REPOSITORY|SHA|VERSION)\b")
_LOGIN: Final = re.compile(r"://[^/]*@")


def read_scheduler(top: Section) -> Section:
    """The section, its keys and types checked; an empty one where it is not given.

    `timezone` is that of all schedules that name none. In the rest `${NAME}` is filled in when it
    is asked for: the machine that runs the jobs may not know what the one that renders them does.
    Raises ConfigError.
    """
    if isinstance(top.values.get("schedule"), list):
        raise top.wrong("schedule", "an entry stands under [[schedules]], with an s")
    section = top.section("schedule")
    section.only(KEYS)
    for key in section.values:
        section.raw_text(key)
    check_zone(section, "timezone")
    return section


def told(section: Section) -> dict[str, str]:
    """What it says of the place, by key. Raises ConfigError for what no scheduler could use."""
    found: dict[str, str] = {}
    for key in section.values.keys() - {"timezone"}:
        value = section.text(key) or ""
        clause = fault(key, value)
        if clause is not None:
            raise section.wrong(key, clause)
        found[key] = value
    return found


def fault(key: str, value: str) -> str | None:
    """What is wrong with `value`, as a clause; None where it will do."""
    if key == "install" and _LOGIN.search(value):
        return "a name or a password in its URL would stand in a file; leave it out"
    if not value.strip() or not value.isprintable():
        return f"{quote(value)} will not do; leave it out or give it a value"
    if len(value) > _LONGEST:
        return f"{quote(value)} is longer than {_LONGEST} characters"
    if key in _PATHS and not value.startswith("/"):
        return f"{quote(value)} is relative; a scheduler needs the whole path: /…"
    return _fault_of_word(key, value)


def _fault_of_word(key: str, value: str) -> str | None:
    """The same for what only some keys refuse."""
    found = _PLACEHOLDER.search(value) if key in _SOURCES else None
    if found:
        return f"{found[0]} in {quote(value)} is a placeholder; put your own there"
    if key not in _PATHS and " " in value:
        return f"{quote(value)} has a blank in it"
    if key == "install" and value.startswith("-"):
        return f"{quote(value)} is an option; name what pip is to install"
    if key == "runs-on" and not all(value.split(",")):
        return f"{quote(value)} has an empty label; write e.g. self-hosted,linux"
    if key == "start" and value not in STARTS:
        return f"there is no {quote(value)}; {hint(value, STARTS)}"
    return fault_of_zone(value) if key == "zone" else None
