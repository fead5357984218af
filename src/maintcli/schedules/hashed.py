"""`H` in a cron expression: a number that its entry has for good, unlike its neighbours'.

As in Jenkins: `H` is one value of the field, `H(0-7)` one of these, `H/15` each fifteenth from a
hashed first one. Days of the month go up to 28, so that each month has them. The minutes 0 and 30
are left to everybody else, where that can be.
"""

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from maintcli.config.say import quote
from maintcli.schedules.fields import HOURS, MINUTES, MONTHS, WEEKDAYS

CROWDED: Final = frozenset({0, 30})  # minutes at which most people's jobs start
_FIELDS: Final = (MINUTES, HOURS, range(1, 29), MONTHS, WEEKDAYS)
_TERM: Final = re.compile(r"H(?:\((\d{1,2})-(\d{1,2})\))?(?:/(\d{1,2}))?", re.ASCII)


def resolve(expression: str, key: str) -> str:
    """`expression` with each H replaced; the same for the same `key`, everywhere and always.

    Raises ValueError with a clause for an H that cannot be read.
    """
    parts = expression.upper().split()
    if not any("H" in part.replace("THU", "") for part in parts) or len(parts) != len(_FIELDS):
        return expression
    return " ".join(
        ",".join(_term(term, number, key) for term in part.split(","))
        for number, part in enumerate(parts)
    )


def _term(term: str, number: int, key: str) -> str:
    if "H" not in term.replace("THU", ""):
        return term
    found = _TERM.fullmatch(term)
    if found is None:
        raise ValueError(f"{quote(term)} is no H; write H, H/15, H(0-7) or H(0-29)/10")
    within = _FIELDS[number]
    low, high = int(found[1] or within[0]), int(found[2] or within[-1])
    if low > high or low not in within or high not in within:
        raise ValueError(
            f"{quote(term)} goes from {low} to {high}; stay within {within[0]} to {within[-1]}"
        )
    step = int(found[3] or 0)
    if found[3] and not 1 <= step <= high - low + 1:
        raise ValueError(f"{quote(term)} has a step of {step}; take 1 to {high - low + 1}")
    firsts = range(low, low + (step or high - low + 1))
    quiet = [one for one in firsts if number > 0 or not _meets(one, high, step)]
    first = _one_of(quiet or firsts, key, number)
    if not step or first + step > high:
        return str(first)
    # For a day a star would say that the other day has to match as well.
    is_star = number < 2 and first == within[0] and high == within[-1]
    return f"*/{step}" if is_star else f"{first}-{high}/{step}"


def _meets(first: int, high: int, step: int) -> bool:
    """Whether `first` or what follows it is a minute at which everybody's jobs start."""
    return not CROWDED.isdisjoint(range(first, high + 1, step) if step else (first,))


def _one_of(values: Sequence[int], key: str, number: int) -> int:
    digest = sha256(f"{number}:{key}".encode()).digest()
    return values[int.from_bytes(digest[:8]) % len(values)]
