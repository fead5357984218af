"""A sweep's budgets: rows and time after which it ends as a success, with a backlog left."""

from psycopg import sql

from maintcli.runtime import ledger
from maintcli.runtime.context import Context


class Budget:
    """What a run may spend: `--limit` rows, and `--max-seconds` since the run began.

    It is looked at after each batch, so that every run gets something done.
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
