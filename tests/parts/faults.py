"""What may go wrong on the way between a client and its server."""

from dataclasses import dataclass
from typing import Literal

Moment = Literal["before", "after"]


@dataclass
class Cut:
    """One cut, of the connection whose client sends `pattern` for the nth time over all.

    `before` the server sees it, or `after` the server has answered and before the client hears
    of it. `done` tells that it happened.
    """

    pattern: bytes
    moment: Moment
    nth: int = 1
    done: bool = False
    seen: int = 0

    def meets(self, data: bytes) -> bool:
        """Count the patterns in `data`; whether this is the moment."""
        self.seen += data.count(self.pattern)
        if self.done or self.seen < self.nth:
            return False
        self.done = True
        return True


@dataclass
class Faults:
    """What the network does now; may be changed at any time."""

    delay: float = 0.0
    """Seconds in each direction."""
    cut: Cut | None = None
    cut_after_bytes: int | None = None
    """Bytes from server to client until a connection is cut, once."""
    refuse: bool = False
    """Cut new connections at once."""
