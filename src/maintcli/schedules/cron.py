"""When a cron expression is due, in its own time zone."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from maintcli.config.messages import quote
from maintcli.schedules.fields import RANGES, normal

_FIELDS: Final = 5
_LONG_NUMBER: Final = re.compile(r"\d{5,}")
_STEP: Final = re.compile(r"/(\d+)")


def next_time(expression: str, zone: str, after: datetime) -> datetime | None:
    """The first time strictly after `after` that `expression` is due in `zone`, in UTC.

    None where it is never due again. Raises ValueError with a clause for an expression that
    cannot be read. Clock changes go as in Debian's cron.
    """
    return next(each_time(expression, zone, after), None)


def previous_time(expression: str, zone: str, before: datetime) -> datetime | None:
    """The last time strictly before `before` that it was due."""
    return next(each_time(expression, zone, before, reverse=True), None)


def period(expression: str, zone: str, now: datetime) -> float | None:
    """Seconds between two due times around `now`: the longer of the last and the current gap.

    The longer one, since after a free weekend Monday's run is not late the moment it is due.
    """
    latest = previous_time(expression, zone, now)
    if latest is None:
        return None
    around = [previous_time(expression, zone, latest), latest, next_time(expression, zone, latest)]
    times = [when for when in around if when is not None]
    gaps = [(b - a).total_seconds() for a, b in pairwise(times)]
    return max(gaps, default=None)


def each_time(
    expression: str, zone: str, start: datetime, *, reverse: bool = False
) -> Iterator[datetime]:
    """Each time strictly after `start`, or before it, in UTC; see `next_time`."""
    if len(expression.split()) != _FIELDS:
        raise ValueError(
            f"{quote(expression)} is not a cron expression; it has five fields: */5 * * * *"
        )
    fault = _fault(expression.split())
    if fault:
        raise ValueError(f"{quote(expression)} is not a cron expression: {fault}")
    try:
        _ = CronSim(expression, start)
        found = CronSim(normal(expression), start.astimezone(_zone(zone)), reverse=reverse)
    except CronSimError as error:
        raise ValueError(
            f"{quote(expression)} is not a cron expression: {str(error).lower()}; write e.g."
            " */5 * * * *"
        ) from None
    for when in found:
        yield when.astimezone(UTC)


def _fault(parts: Sequence[str]) -> str | None:
    """What the library would accept or fail on, as a clause."""
    for part, within in zip(parts, RANGES, strict=True):
        if _LONG_NUMBER.search(part):
            return "it has a number of more than four digits"
        for step in _STEP.findall(part):
            if int(step) > len(within):
                return f"it has a step of {step} where there are {len(within)}; take a smaller one"
    return None


def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)
