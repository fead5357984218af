"""`maint schedule check`: what differs from the declaration."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from maintcli.output.table import Table

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


def data(looked: Looked) -> dict[str, Any]:
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


def view(looked: Looked) -> Iterator[str | Table]:
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
