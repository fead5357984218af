"""What a target could not say, as a comment in its file."""

from collections.abc import Iterable
from textwrap import fill
from typing import Final

from maintcli.schedules.entry import Note
from maintcli.schedules.targets.kubernetes.scalar import comment

_WIDTH: Final = 100


def noted(notes: Iterable[Note]) -> str:
    """Lines of comment, each with its line end; nothing where there are no notes."""
    return "".join(_lines(note) for note in notes)


def _lines(note: Note) -> str:
    text = comment(f"Note: {note}").removeprefix("# ")
    lines = fill(
        text,
        width=_WIDTH,
        initial_indent="# ",
        subsequent_indent="#   ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"{lines}\n"
