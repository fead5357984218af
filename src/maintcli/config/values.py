"""One value of each kind, from a flag's or variable's text or from a TOML value.

Every function raises ValueError with a clause that fits behind the name of the setting.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast

from maintcli.config.duration import Duration
from maintcli.config.say import quote
from maintcli.config.suggest import hint

_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})
_BYTES: Final = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
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
        raise ValueError(f"{quote(text)} is no whole number; write e.g. 1000")
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
    raise ValueError(f"{quote(value)} is no percentage; write e.g. 50")


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


def size(value: object) -> int:
    """A number of bytes: `"64MiB"`, `"10GB"`, or a bare number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return _fitting(value)
    whole = _text_of(value, 'a size such as "64MiB"')
    compact = whole.strip().lower().replace(" ", "")
    number = compact.rstrip("abcdefghijklmnopqrstuvwxyz")
    unit = compact[len(number) :] or "b"
    if unit not in _BYTES or not number.removeprefix("-").replace(".", "", 1).isdigit():
        raise ValueError(f"{quote(whole)} is no size; write e.g. 500kB, 64MiB or 10GB")
    return _fitting(round(_number(number, whole) * _BYTES[unit]))


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


def one_of(value: object, choices: Sequence[str]) -> str:
    """One of `choices`, exactly as written there."""
    found = text(value).strip()
    if found not in choices:
        raise ValueError(f"{quote(found)} is not one of its values; {hint(found, choices)}")
    return found


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
    raise ValueError(f"{quote(whole)} is no number; write e.g. 50")


def _fitting(number: int) -> int:
    if abs(number) > _LARGEST:
        raise ValueError(f"{quote(number)} is too large; {_AT_MOST}")
    return number
