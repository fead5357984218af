"""`maint schedule next` and `maint schedule check`."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from maintcli.output.table import Table
from maintcli.output.text import ahead


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


def next_data(starts: Sequence[Start], now: datetime) -> dict[str, Any]:
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


def next_view(starts: Sequence[Start], now: datetime) -> Iterator[str | Table]:
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


LEDGER: Final = "ledger"


class Line(NamedTuple):
    """One thing that differs (`is_drift`), or is only said; `place` is where it was seen."""

    kind: str
    place: str
    key: str
    what: str
    is_drift: bool


class Looked(NamedTuple):
    """What was looked at, what could not be (place and why), and why the ledger was left out."""

    lines: Sequence[Line]
    places: Sequence[str]
    problems: Sequence[tuple[str, str]]
    no_ledger: str | None

    @property
    def drift(self) -> int:
        """How many things differ."""
        return sum(line.is_drift for line in self.lines)


def check_data(looked: Looked) -> dict[str, Any]:
    """For --json."""
    return {
        "drift": looked.drift > 0,
        "looked_at": [*looked.places],
        "findings": [
            {
                "kind": line.kind,
                "place": line.place,
                "key": line.key,
                "what": line.what,
                "drift": line.is_drift,
            }
            for line in looked.lines
        ],
        "problems": [{"place": place, "message": text} for place, text in looked.problems],
        "ledger_left_out": looked.no_ledger,
    }


def check_view(looked: Looked) -> Iterator[str | Table]:
    """As text; the problems are for standard error."""
    if looked.lines:
        rows = [(line.kind, line.place, line.key, line.what) for line in looked.lines]
        yield Table(("finding", "place", "entry", "what"), rows)
        yield ""
    if looked.no_ledger:
        yield f"Run history not checked: {looked.no_ledger} This does not change the exit code."
    if any(place == LEDGER for place, _ in looked.problems):
        yield "Run history could not be checked; --no-ledger leaves it out."
    if looked.places == [LEDGER]:
        yield "No rendered file is here. To ask a scheduler what it has: --target NAME --ask."
    if looked.places:
        yield f"Looked at: {', '.join(looked.places)}."
    yield _verdict(looked)


def _verdict(looked: Looked) -> str:
    if looked.drift:
        return f"{looked.drift} difference{'' if looked.drift == 1 else 's'}."
    if looked.problems:
        return "What could be looked at agrees." if looked.places else "Nothing could be looked at."
    return "All agree."
