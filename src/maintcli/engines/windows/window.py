"""What a way through a part is: windows, each with some of its rows.

A plain walk deletes the stale rows of one window after the other. A closure walk asks for PL/pgSQL
that lists the next roots in maint_w: the places of stale rows within one window, unlocked, in the
order of the table. It takes them group by group, and has got as far as maint_at, whatever became of
the rows behind it: a row that must stay is passed by.
"""

from typing import NamedTuple, Protocol

import psycopg
from psycopg import sql

from maintcli.engines.base.delete import Bite

MOST = 10_000  # places in a list: 60 kB

# Only the list has to be forced. How the rows below are found, also by PostgreSQL's own cascade, is
# for the planner to say: of 730 leaves that are a page each, no index is worth opening.
SEQSCAN = sql.SQL("maint_seqscan text := current_setting('enable_seqscan');")
FORCE = sql.SQL("PERFORM set_config('enable_seqscan', 'off', true);")
FORCE_NO_MORE = sql.SQL("PERFORM set_config('enable_seqscan', maint_seqscan, true);")


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


class Listing:
    """What a way through a part is like, unless it says otherwise.

    `lock` is a statement that a batch needs before it deletes, `seconds` how long one may take
    where that is not the usual. `skips_locked`: no batch ever waits for a row.
    """

    settings: sql.Composable | None = None
    seconds: float | None = None
    skips_locked = False

    @property
    def lock(self) -> sql.Composable | None:
        """Nothing but rows has to be locked."""
        return None

    def look(self) -> None:
        """Nothing is looked for before a batch."""

    def failed(self, error: psycopg.Error) -> bool:
        """Whether the batch is made otherwise now, and may be sent again at once."""
        del error
        return False

    def goes_otherwise(self) -> bool:
        """Whether rows that did not go as they were gathered may do so the next time."""
        return False

    def take_late(self) -> int:
        """The rows that were left because they take too long, since last asked."""
        return 0


class Windows(Protocol):
    """A way through a part."""

    @property
    def seconds(self) -> float | None: ...
    @property
    def skips_locked(self) -> bool: ...
    @property
    def lock(self) -> sql.Composable | None: ...
    def look(self) -> None: ...
    def failed(self, error: psycopg.Error) -> bool: ...
    def goes_otherwise(self) -> bool: ...
    def take_late(self) -> int: ...

    @property
    def first_bite(self) -> float:
        """The blocks or rows of the first window."""
        ...

    @property
    def settings(self) -> sql.Composable | None:
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


class Ranges(Windows, Protocol):
    """A way whose windows are conditions as well, as a plain walk wants them."""

    @property
    def part(self) -> sql.Composable: ...
    @property
    def predicate(self) -> sql.Composable: ...
    @property
    def plain_settings(self) -> sql.Composable: ...

    def deleting(self, bite: Bite) -> tuple[sql.Composable, sql.Composable]:
        """The declarations, and the PL/pgSQL that deletes the stale rows of the next window."""
        ...

    def condition(self, end: str | None) -> sql.Composable:
        """SQL: whether a row lies between here and `end`."""
        ...

    def again(self, end: str | None) -> "Ranges":
        """The same way from here to `end`, for a second try."""
        ...
