"""A database with runs of one job in it, as its server and its ledger see them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

from tests.parts.cli import Result
from tests.parts.waiting import until


@dataclass(frozen=True)
class Run:
    """A row of the ledger; `deleted` are the rows that it deleted, or changed if it marks."""

    run_id: str
    outcome: str
    exit_code: int | None
    deleted: int
    batches: int
    message: str | None


class Watched(ABC):
    """What is asked of the database `dsn` on `conn`, about the runs of `job`."""

    dsn: str
    conn: psycopg.Connection[Any]
    job: str = "cleanup-sessions"

    def one(self, query: LiteralString, *params: Any) -> Any:
        """The first value of the first row."""
        row = self.conn.execute(query, params or None).fetchone()
        assert row is not None
        return row[0]

    @abstractmethod
    def stale(self) -> int:
        """The stale rows that are left."""

    @abstractmethod
    def follow(self) -> Result:
        """Run to the end, to have it done."""

    # -- the ledger

    def ledger(self) -> list[Run]:
        """Every run, oldest first."""
        rows = self.conn.execute(
            "SELECT run_id::text, outcome, exit_code, deleted_count + updated_count, batches,"
            " message FROM job_runs WHERE job = %s ORDER BY started_at",
            [self.job],
        )
        return [Run(*row) for row in rows]

    def counted(self) -> int:
        """What the ledger says was deleted (or changed) by all runs together."""
        return sum(run.deleted for run in self.ledger())

    def batches(self) -> int:
        """The batches that were committed so far."""
        return sum(run.batches for run in self.ledger())

    def expire_lease(self) -> None:
        """As if its time had passed."""
        self.conn.execute(
            "UPDATE job_heartbeats SET lease_expires_at = now() - interval '1 second'"
            " WHERE lease_run_id IS NOT NULL"
        )

    # -- the server

    def ours(self, state: str = "%") -> int:
        """Connections of maint to this database whose state is like `state`."""
        return int(
            self.one(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'maint/%%'"
                " AND datname = current_database() AND state LIKE %s",
                state,
            )
        )

    def quiet(self) -> None:
        """Wait until the server has noticed that our clients are gone."""
        until(lambda: self.ours() == 0, "no connection of maint is left")

    def idle(self) -> None:
        """Wait until the server has finished everything that it was sent."""
        until(lambda: self.ours("active") == 0, "no query of maint runs")
