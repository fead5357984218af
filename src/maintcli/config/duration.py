"""Durations as people write them: 90s, 15m, 24h, 90d, 13mo, 1y."""

import re
from dataclasses import dataclass
from typing import Final, Self

from maintcli.config.messages import quote

_SECONDS: Final[dict[str, float]] = {
    "ms": 0.001,
    "s": 1,
    "m": 60,
    "h": 3600,
    "d": 86400,
    "w": 604800,
}
_MONTHS: Final = {"mo": 1, "y": 12}
_MONTH_SECONDS: Final = 30.44 * 86400
_LONGEST_YEARS: Final = 1000
_TWO_MINUTES: Final = 120
_TOO_MUCH: Final = 1e15  # of any unit over the longest; keeps int * float from overflowing
_UNITS: Final = "ms, s, m (minutes), h, d, w, mo (months), y"
_EXAMPLES: Final = f"write e.g. 90s, 15m, 24h, 90d, 13mo, 1y (units: {_UNITS})"
_PLAIN: Final = r"([0-9]+(\.[0-9]+)?(ms|s|m|h|d|w) *|[0-9]+(mo|y) *)+"
_LONGEST_HINT: Final = 24
_WORDS: Final = {
    "ms": "msec|millisecond",
    "s": "s|sec|second",
    "m": "min|minute",
    "h": "h|hr|hour",
    "d": "d|day",
    "w": "w|wk|week",
    "mo": "mo|mon|month",
    "y": "y|yr|year",
}
"""What people write for a unit, but for the plural and for capital letters."""


@dataclass(frozen=True, slots=True)
class Duration:
    """Calendar months plus exact seconds (to the microsecond), both of the same sign.

    Raises ValueError when the signs differ or the whole exceeds 1000 years.
    """

    months: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.months * self.seconds < 0:
            raise ValueError("its months and its seconds point in different directions")
        # Written so that NaN is refused too.
        if not abs(self.approx_seconds) <= _LONGEST_YEARS * 12 * _MONTH_SECONDS:
            raise ValueError(f"it is longer than {_LONGEST_YEARS} years; write a shorter one")
        object.__setattr__(self, "seconds", round(float(self.seconds), 6))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one or more number-and-unit pairs; units ms, s, m, h, d, w, mo (month) and y.

        `-5s` and `0` are read as they stand; whether they make sense is for the bounds to say.
        Raises ValueError with a clause that fits behind the name of a setting.
        """
        stripped = text.strip()
        if not stripped:
            raise ValueError("it is blank")
        negative = stripped.startswith("-")
        months, seconds = _sum(stripped.removeprefix("-"), text)
        return cls(-months, -seconds) if negative else cls(months, seconds)

    def __str__(self) -> str:
        if not self:
            return "0s"
        sign = "-" if self.approx_seconds < 0 else ""
        return sign + _months_text(abs(self.months)) + _seconds_text(abs(self.seconds))

    def __bool__(self) -> bool:
        return bool(self.months or self.seconds)

    @property
    def approx_seconds(self) -> float:
        """Seconds with a month taken as 30.44 days; for comparing, not for calendars."""
        return self.months * _MONTH_SECONDS + self.seconds


def duration(text: str) -> Duration:
    """Read `text` as `Duration.parse` does; for defaults in signatures."""
    return Duration.parse(text)


def _sum(body: str, whole: str) -> tuple[int, float]:
    months, seconds, rest = 0, 0.0, body
    while rest or rest is body:
        number, rest = _split(rest, "0123456789.")
        unit, rest = _split(rest.lstrip(" "), "abcdefghijklmnopqrstuvwxyz")
        rest = rest.lstrip(" ")
        amount = _amount(number, unit, whole, last=not rest)
        if unit in _MONTHS:
            months += _whole_months(amount, unit, whole)
        else:
            seconds += amount * _SECONDS.get(unit, 0)
    return months, seconds


def _split(text: str, alphabet: str) -> tuple[str, str]:
    rest = text.lstrip(alphabet)
    return text[: len(text) - len(rest)], rest


def _amount(number: str, unit: str, whole: str, *, last: bool) -> float:
    try:
        amount = min(float(number), _TOO_MUCH)
    except ValueError:
        raise ValueError(f"{quote(whole)} is not a duration; {_meant(whole)}") from None
    if not unit and last and amount:
        raise ValueError(f"{quote(whole)} has a number without a unit; {_EXAMPLES}")
    if unit not in _SECONDS and unit not in _MONTHS and (unit or not last):
        raise ValueError(f"{quote(whole)} is not a duration; {_meant(whole)}")
    return amount


def _meant(text: str) -> str:
    """What to write instead: with the units that we know, where it is plain which are meant."""
    found = text.strip()[:_LONGEST_HINT]
    for unit, words in _WORDS.items():
        found = re.sub(rf"(?<=[0-9]) *({words})s?(?![a-z])", unit, found, flags=re.IGNORECASE)
    if re.fullmatch("[0-9]+ *M", found):
        number = found.rstrip(" M")
        return f"did you mean {number}m or {number}mo? The units are {_UNITS}"
    is_plain = re.fullmatch(_PLAIN, found) and len(text) <= _LONGEST_HINT
    return f"did you mean {found}? The units are {_UNITS}" if is_plain else _EXAMPLES


def _whole_months(amount: float, unit: str, whole: str) -> int:
    if not amount.is_integer():
        raise ValueError(
            f"{quote(whole)} has a fraction of a month or year; use whole ones, or days"
        )
    return int(amount) * _MONTHS[unit]


def _months_text(months: int) -> str:
    if not months:
        return ""
    return f"{months}mo" if months % 12 else f"{months // 12}y"


def _seconds_text(seconds: float) -> str:
    if not seconds:
        return ""
    if seconds < 1:
        return f"{_decimal(seconds * 1000, 3)}ms"
    # 60s and 24h stay as people write them; a larger unit starts at twice its size.
    days, rest = divmod(seconds, 86400) if seconds >= 2 * 86400 else (0, seconds)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60) if seconds >= _TWO_MINUTES else (0, rest)
    parts = [(days, "d"), (hours, "h"), (minutes, "m"), (rest, "s")]
    return "".join(f"{_decimal(amount, 6)}{unit}" for amount, unit in parts if amount)


def _decimal(amount: float, digits: int) -> str:
    text = f"{amount:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
