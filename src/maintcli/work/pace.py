"""How large the next batch is and how long to rest before it."""

import math
from dataclasses import dataclass

GROWTH = 1.5
FLOOR_MS = 20.0  # below this, "over twice its target" is noise of the machine
_HEADROOM = 0.8
_FORGET = 0.97


@dataclass(slots=True)
class Pace:
    """Aims batches at a server time, in units of `size` (blocks or rows).

    `target_ms` is the aim, `share` the percentage of time that we may keep the server busy.
    """

    target_ms: float
    share: float
    size: float
    _worst: float = 0.0
    _learnt: bool = False

    def learn(self, units: float, server_ms: float, wall_ms: float) -> float:
        """Take in a batch of `units` and return the seconds to rest after it.

        The way to the server and back is rest too: the server idles meanwhile. When it is
        longer than the target, the batch grows to be worth the trip.
        """
        trip_ms = max(0.0, wall_ms - server_ms)
        target = max(self.target_ms, GROWTH * trip_ms)
        cost = max(server_ms, 0.01) / max(units, 1)
        # The first batch pays for the server's warming up, and a short one mostly for itself.
        if self._learnt and server_ms >= target / 2:
            self._worst = max(self._worst, cost)
        most = _HEADROOM * max(2 * target, FLOOR_MS) / self._worst if self._worst else math.inf
        self._learnt, self._worst = True, self._worst * _FORGET
        self.size = max(1.0, min(self.size * GROWTH, target / cost, most))
        return max(0.0, server_ms * (100 / self.share - 1) - trip_ms) / 1000

    def shrink(self) -> None:
        """Halve the next batch: the last one met a lock or a time limit."""
        self.size = max(1.0, self.size / 2)
