"""What a throttle looks at, and what of it is a reason to pause."""

from typing import Any, NamedTuple, Protocol

from psycopg import sql


class Why(NamedTuple):
    """A reason to pause: the source's name, and a clause with the figures."""

    name: str
    reason: str


class Source(Protocol):
    """One thing to look at. `query` gives one JSON value, which `reason` judges.

    `name` is its key in the report, `origin` the setting that asked for it (None: nobody did),
    `patience` for how many seconds of a run it may hold a sweep up.
    """

    @property
    def name(self) -> str: ...
    @property
    def query(self) -> sql.Composable: ...
    @property
    def origin(self) -> str | None: ...
    @property
    def patience(self) -> float: ...

    def reason(self, found: Any) -> str | None:
        """Why to pause, as a clause, or None."""
        ...
