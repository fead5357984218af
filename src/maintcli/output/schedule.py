"""`maint schedule next`: the coming times."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from maintcli.output.table import Table
from maintcli.output.words import ahead


class Start(NamedTuple):
    """One entry that is to be started: `at` in UTC, `local` in its own zone, `when` in words.

    `command` is what is started.
    """

    at: datetime
    local: datetime
    zone: str
    entry: str
    job: str
    options: tuple[str, ...]
    command: str
    schedule: tuple[str, ...]
    every: str | None
    when: str


def data(starts: Sequence[Start], now: datetime) -> dict[str, Any]:
    """For --json."""
    return {"now": now, "times": [row(start) for start in starts]}


def row(start: Start) -> dict[str, Any]:
    """One of them."""
    return {
        "at": start.at,
        "timezone": start.zone,
        "local": start.local.isoformat(),
        "entry": start.entry,
        "job": start.job,
        "options": list(start.options),
        "schedule": list(start.schedule),
        "every": start.every,
        "when": start.when,
    }


def view(starts: Sequence[Start], now: datetime) -> Iterator[str | Table]:
    """As text."""
    rows = [
        (ahead(start.at, now), _local(start), start.entry, start.command, start.when)
        for start in starts
    ]
    columns = ("next (utc)", "zone", "entry", "command", "schedule")
    yield Table(columns, rows, "Nothing is scheduled. See what there is: maint list")


def _local(start: Start) -> str:
    """The zone, with its clock where that is not ours."""
    return "UTC" if start.zone == "UTC" else f"{start.local:%a %H:%M} {start.zone}"
