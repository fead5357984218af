"""Comments, which begin alike in all files: `#`."""

from collections.abc import Iterable
from textwrap import fill
from typing import Final

from maintcli.schedules.entry import Note

_WIDTH: Final = 100


def comment(text: str) -> str:
    """`text` as one line of a comment, without what is not printable."""
    line = " ".join(text.split())
    return "# " + "".join(c if c.isprintable() else "?" for c in line)


def noted(notes: Iterable[Note]) -> str:
    """What a target could not say, each line with its end; nothing where there are no notes."""
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
