"""The coming starts, as they are presented."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from maintcli.present.schedule import Start
from maintcli.schedules.due import Due
from maintcli.schedules.words import words


def starts(dues: Iterable[Due]) -> list[Start]:
    """Each with its time in its own zone, and its schedule in words."""
    return [_start(due) for due in dues]


def _start(due: Due) -> Start:
    entry = due.entry
    return Start(
        at=due.at,
        local=due.at.astimezone(ZoneInfo(entry.zone)),
        zone=entry.zone,
        entry=entry.key,
        job=entry.job,
        options=entry.options,
        command=" ".join(("maint", *entry.command)),
        schedule=entry.expressions,
        every=entry.every,
        when=words(entry.expressions, entry.zone),
    )
