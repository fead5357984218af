"""Where a closure walk finds its roots: PL/pgSQL that lists the next of them in maint_w.

A list is the places of stale rows within one window, unlocked, in the order of the table. The walk
takes them group by group, and has got as far as maint_at, whatever became of the rows behind it:
a row that must stay is passed by.
"""

from typing import NamedTuple, Protocol

from psycopg import sql

MOST = 10_000  # places in a list: 60 kB


class Pieces(NamedTuple):
    """What a walk over windows is made of.

    `list` fills maint_w where it is NULL, `done` follows when the window has no more, `end` says
    how far it got. `most` is the length of a list that may not be all of its window.
    """

    declare: sql.Composable
    list: sql.Composable
    done: sql.Composable
    end: sql.Composable
    most: int


class Windows(Protocol):
    """A way through a part."""

    @property
    def first_bite(self) -> float:
        """The blocks or rows of the first window."""
        ...

    @property
    def settings(self) -> sql.Composable:
        """What makes the server find the windows quickly."""
        ...

    @property
    def finished(self) -> bool:
        """Whether there is no window left."""
        ...

    @property
    def progress(self) -> float | None:
        """The share of the way that is behind; None where nobody knows."""
        ...

    def pieces(self, bite: float) -> Pieces:
        """The PL/pgSQL, for windows of about `bite` blocks or rows."""
        ...

    def again(self, end: str | None) -> "Windows":
        """The same way from here to `end`, for a second try."""
        ...

    def advance(self, end: str | None) -> float:
        """Go on from `end`; return how many blocks that was."""
        ...
