"""How long the next batch may take, how large its bites are, and how long to rest after it."""

GROWTH = 1.5
MOST_MS = 2_000.0  # a batch never grows beyond this to be worth what it costs at least
_WORTH = 4  # times what a batch costs at least
_BITES = 8  # a batch looks at the clock after each bite, and so ends this near to its target


class Pace:
    """Aims batches at a server time of `target_ms`; `share` is our percentage of the time.

    `bite` is how much one statement takes, in blocks or rows; a batch is as many as its
    `budget_ms` holds.
    """

    def __init__(self, target_ms: float, share: float, bite: float) -> None:
        self.target_ms = target_ms
        self.share = share
        self.bite = bite
        self.budget_ms = target_ms
        self._warm = False

    def learn(
        self, units: float, server_ms: float, wall_ms: float, fixed_ms: float | None = None
    ) -> float:
        """Take in a batch that got through `units`, and return the seconds to rest after it.

        The way to the server and back is rest too: the server idles meanwhile. When it is
        longer than the target, the batch grows to be worth the trip; so it does where the server
        takes `fixed_ms` for any batch, to plan the statements of many foreign keys.
        """
        trip_ms = max(0.0, wall_ms - server_ms)
        worth_ms = min(MOST_MS, _WORTH * (fixed_ms or 0.0))
        self.budget_ms = max(self.target_ms, GROWTH * trip_ms, worth_ms)
        if self._warm:
            cost = max(server_ms, 0.01) / max(units, 1)
            self.bite = max(1.0, min(self.bite * GROWTH, self.budget_ms / _BITES / cost))
        self._warm = True  # the first batch pays for the server's warming up: it teaches nothing
        return max(0.0, server_ms * (100 / self.share - 1) - trip_ms) / 1000

    def shrink(self) -> None:
        """Halve the next bite, and let a batch be short: the last one met a time limit."""
        self.bite = max(1.0, self.bite / 2)
        self.budget_ms = self.target_ms
