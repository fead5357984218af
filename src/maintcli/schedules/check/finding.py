"""What is otherwise than declared."""

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """In which way; the last two are only said, and no drift."""

    MISSING = "missing"
    CHANGED = "changed"
    FOREIGN = "foreign"
    STALE = "stale"
    OFF = "off"
    NEVER_RAN = "never ran"
    LATE = "late"
    TWO_SCHEDULERS = "two schedulers"
    PAUSED = "paused"
    NOTED = "noted"

    @property
    def is_drift(self) -> bool:
        """Whether it makes the check fail."""
        return self not in {Kind.PAUSED, Kind.NOTED}


class Finding(NamedTuple):
    """One thing: `key` is the entry, the job or the file it is about, `what` a clause."""

    kind: Kind
    key: str
    what: str
