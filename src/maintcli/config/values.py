"""One value of each kind, from a flag's or variable's text or from a TOML value.

Every function raises ValueError with a clause that fits behind the name of the setting.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Final, TypeVar, cast

from maintcli.config.duration import Duration
from maintcli.config.messages import closest, hint, quote

Choice = TypeVar("Choice", bound=str)
_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})
_TYPES: Final = (
    (bool, "true or false"),
    (int, "a number"),
    (float, "a decimal number"),
    (str, "text"),
    (list, "a list"),
    (dict, "a table"),
)
_LARGEST: Final = 2**63 - 1  # PostgreSQL's bigint
_AT_MOST: Final = f"it must be at most {_LARGEST}"
_NO_ZONES: Final = ("localtime", "posixrules", "Factory")  # what they are depends on the machine
_NO_FOLDERS: Final = ("right/", "posix/")  # copies of all zones; right/ counts leap seconds


def age(value: object) -> Duration:
    """A duration: `"90s"`, `"13mo"`."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Duration.parse(f"{value}")
    return Duration.parse(_text_of(value, 'a duration in quotes, such as "90s"'))


def integer(value: object) -> int:
    """A whole number that fits a bigint."""
    if isinstance(value, int) and not isinstance(value, bool):
        return _fitting(value)
    text = _text_of(value, "a whole number such as 1000")
    digits = text.strip().removeprefix("-").replace("_", "")
    if not (digits.isdigit() and digits.isascii()):
        raise ValueError(f"{quote(text)} is not a whole number; write e.g. 1000")
    if len(digits) > len(str(_LARGEST)):
        raise ValueError(f"{quote(text)} is too large; {_AT_MOST}")
    return _fitting(int(text.replace("_", "")))


def percent(value: object) -> float:
    """A percentage, with or without its sign; 50 means 50 %."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    else:
        text = _text_of(value, "a percentage such as 50")
        number = _number(text.strip().removesuffix("%").rstrip(), text)
    if abs(number) <= _LARGEST:  # not so for NaN
        return number
    raise ValueError(f"{quote(value)} is not a percentage; write e.g. 50")


def decimal(value: object) -> float:
    """A number, with or without a fraction."""
    text = _text_of(value, "a number such as 0.5")
    return _number(text.strip(), text)


def flag(value: object) -> bool:
    """True or false."""
    if isinstance(value, bool):
        return value
    text = _text_of(value, "true or false").strip().lower()
    if text not in _TRUE | _FALSE:
        raise ValueError(f"{quote(value)} is neither true nor false; write true or false")
    return text in _TRUE


def text(value: object) -> str:
    """Any text that is not blank, as it stands."""
    found = _text_of(value, "text in quotes")
    if not found.strip():
        raise ValueError("it is blank")
    if "\0" in found:
        raise ValueError("it holds a NUL character; remove it")
    return found


def texts(value: object) -> tuple[str, ...]:
    """One text or more: a TOML list, or in one text separated by commas."""
    if isinstance(value, list):
        parts = cast("list[object]", value)
    else:
        parts = [*_text_of(value, 'a list such as ["one", "two"]').split(",")]
    if not parts:
        raise ValueError("it is an empty list; write e.g. one,two")
    return tuple(_part(number, part) for number, part in enumerate(parts, start=1))


def _part(number: int, value: object) -> str:
    try:
        return text(value).strip()
    except ValueError as error:
        raise ValueError(f"in its list, part {number}: {error}; write e.g. one,two") from None


def path(value: object) -> Path:
    """A path; a relative one stays relative."""
    return Path(text(value))


def one_of(value: object, choices: Collection[Choice]) -> Choice:
    """One of `choices`, exactly as written there."""
    found = text(value).strip()
    for choice in choices:
        if choice == found:
            return choice
    raise ValueError(f"{quote(found)} is not one of its values; {hint(found, choices)}")


def zone(value: object) -> str:
    """The name of a time zone, checked against the system's list where it has one."""
    name = text(value)
    if name == "UTC" or _zone_exists(name):
        return name
    from zoneinfo import available_timezones

    zones = available_timezones()
    if not zones:  # a system without time zone data; the database will judge
        return name
    # CEST is not EST, and Etc/GMT+1 is west of GMT: only a place is surely what was meant.
    places = (one for one in zones if "/" in one and not one.startswith("Etc/"))
    near = closest(name, ["UTC", *filter(_is_portable, places)])
    advice = f"did you mean {near}?" if near else 'write e.g. "UTC" or "Europe/Berlin"'
    raise ValueError(f"{quote(name)} is not a time zone; {advice}")


def _is_portable(name: str) -> bool:
    return name not in _NO_ZONES and not name.startswith(_NO_FOLDERS)


def _zone_exists(name: str) -> bool:
    from zoneinfo import ZoneInfo

    if not _is_portable(name):
        return False
    try:
        _ = ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return False
    return True


def toml_type(value: object) -> str:
    """What a TOML value is, in words: `a list`."""
    return next((name for kind, name in _TYPES if isinstance(value, kind)), "a date or time")


def _text_of(value: object, wanted: str) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f"it is {toml_type(value)} and must be {wanted}")


def _number(number: str, whole: str) -> float:
    if number.isascii() and number.removeprefix("-").replace(".", "", 1).isdigit():
        return float(number)
    raise ValueError(f"{quote(whole)} is not a number; write e.g. 50")


def _fitting(number: int) -> int:
    if abs(number) > _LARGEST:
        raise ValueError(f"{quote(number)} is too large; {_AT_MOST}")
    return number
