"""How much a run may spend, how large the next batch is, and how long to rest after it."""

from psycopg import sql

from maintcli.runtime import ledger
from maintcli.runtime.context import Context

GROWTH = 1.5
MOST_MS = 2_000.0  # beyond what a batch costs at least, to be worth that
_WORTH = 4  # times what a batch costs at least
_BITES = 8  # a batch looks at the clock after each bite, and so ends this near to its target


class Budget:
    """What a run may spend: `--limit` rows, and `--max-seconds` since the run began.

    It is checked after each batch, so that every run makes progress.
    """

    def __init__(self, context: Context) -> None:
        order = context.order
        self.limit: int | None = order.value("limit")
        self.max_seconds: int | None = order.value("max_seconds")
        self.spent_on: str | None = None
        self._deadline = context.deadline
        self._lease = context.lease

    @property
    def seconds_left(self) -> float:
        """What is left of the time; infinite where it is not bounded."""
        if self.max_seconds is None:
            return float("inf")
        return max(0.0, self.max_seconds - (self._deadline.seconds - self._deadline.left))

    def spent(self, deleted: int) -> bool:
        """Whether to end now, `deleted` rows being gone; `spent_on` then says which budget."""
        if self.spent_on is None:
            if self.limit is not None and deleted >= self.limit:
                self.spent_on = f"--limit {self.limit:,}"
            elif self.seconds_left <= 0:
                self.spent_on = f"--max-seconds {self.max_seconds}"
        return self.spent_on is not None

    def rows_left(self, deleted: int) -> sql.Composable | None:
        """How many rows may still be deleted, as the server knows it; None where any number may.

        A batch whose COMMIT was lost counts in the ledger, whatever `deleted` says.
        """
        if self.limit is None:
            return None
        gone = ledger.total(self._lease) if self._lease else sql.Literal(deleted)
        return sql.SQL("{} - {}").format(self.limit, gone)


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
        self._before: tuple[float, float] | None = None  # the size of a bite, and what it took
        self._fixed_ms = 0.0

    def learn(self, units: float, server_ms: float, wall_ms: float, fixed_ms: float = 0.0) -> float:
        """Take in a batch that got through `units`, and return the seconds to rest after it.

        The round trip counts as rest: the server is idle. If it is longer than the target, the
        batch grows to be worth the trip; so it does where the server takes `fixed_ms` for any
        batch.
        """
        trip_ms = max(0.0, wall_ms - server_ms)
        worth_ms = min(fixed_ms + MOST_MS, _WORTH * fixed_ms)
        self.budget_ms = max(self.target_ms, GROWTH * trip_ms, worth_ms)
        if self._warm and fixed_ms * _BITES > self.budget_ms:
            # A bite of any size costs that much: one is the batch, and as large as may be.
            cost = max(server_ms - fixed_ms, 0.01) / max(units, 1)
            self.bite = max(1.0, min(self.bite * _BITES, (self.budget_ms - fixed_ms) / cost))
        elif self._warm:
            cost = max(server_ms, 0.01) / max(units, 1)
            self.bite = max(1.0, min(self.bite * GROWTH, self.budget_ms / _BITES / cost))
        self._warm = True  # the first batch pays for the server's warming up: it teaches nothing
        return max(0.0, server_ms * (100 / self.share - 1) - trip_ms) / 1000

    def fixed_ms(self, units: float, server_ms: float) -> float:
        """What each bite costs whatever its size, by two batches with bites of different sizes.

        A subquery that is hashed for every statement is such a cost. It counts only where it is
        larger than a bite's share of the time.
        """
        size = max(1.0, min(units, self.bite))
        bite_ms = server_ms * size / max(units, 1.0)
        before_size, before_ms = self._before or (size, bite_ms)
        if abs(size - before_size) * 4 >= before_size:
            slope = max(0.0, (bite_ms - before_ms) / (size - before_size))
            self._fixed_ms = max(0.0, min(before_ms, bite_ms) - slope * min(size, before_size))
            self._before = size, bite_ms
        elif self._warm:
            self._before = size, bite_ms
        return self._fixed_ms if self._fixed_ms * _BITES > self.target_ms else 0.0

    def shrink(self) -> None:
        """Halve the next bite, and let a batch be short: the last one met a time limit."""
        self.bite = max(1.0, self.bite / 2)
        self.budget_ms = self.target_ms
