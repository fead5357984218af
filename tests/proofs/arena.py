"""A table under fire: filled in a moment, its rows and its ledger counted to the last one."""

import json
import subprocess
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import LiteralString

import psycopg

from tests.parts.cli import Maint, Result
from tests.parts.inside import Inside
from tests.parts.server import Server
from tests.parts.waiting import PATIENCE
from tests.proofs.chaos import Usual
from tests.proofs.table import GATE_OF_ENDS, KINDS, RESTORE, SETUP, Way
from tests.proofs.watched import Watched


@dataclass
class Arena(Watched):
    """A database whose table wants to be swept in the one `way` or the other."""

    server: Server
    dsn: str
    maint: Maint
    way: Way
    arguments: tuple[str, ...] = ("--stale-after", "12h", "--batch-target", "1ms", "--json")

    def __post_init__(self) -> None:
        self.conn = psycopg.connect(self.dsn, autocommit=True)
        kind = KINDS[self.way]
        with psycopg.ClientCursor(self.conn) as cursor:
            cursor.execute(SETUP, asdict(kind))
        if not kind.index:
            self.conn.execute("DROP INDEX active_sessions_last_heartbeat_idx")
        self.restore()
        self.stale_rows = self.stale()
        self.fresh_rows = self.fresh()

    def restore(self) -> None:
        """Put all rows back and forget all runs."""
        self.conn.execute(RESTORE)

    def survived(self, process: subprocess.Popen[str]) -> str:
        """Check the end of a run that lost its server: success with all done, or 69 and exact."""
        outcome, code = self.end_of(process)
        self.reconnect()
        self.quiet()
        self.exact()
        if code == 0:
            (run,) = self.ledger()
            assert (outcome, run.outcome) == ("success", "success")
            assert self.stale() == 0
            return "went on"
        assert (outcome, code) == ("failed", 69)
        assert {run.outcome for run in self.ledger()} <= {"running", "failed"}
        self.expire_lease()
        assert self.follow().code == 0
        assert self.stale() == 0
        self.exact()
        return "said 69"

    def reconnect(self) -> None:
        """Have a connection of the test's own again, after the server went away."""
        self.conn.close()
        self.conn = psycopg.connect(self.dsn, autocommit=True)

    # -- runs

    def start(self, *more: str, dsn: str | None = None) -> subprocess.Popen[str]:
        """Start a run and go on."""
        return self.maint.start(*self._words(more), env=self._env(dsn))

    def run(self, *more: str, dsn: str | None = None) -> Result:
        """Run to the end."""
        return self.maint(*self._words(more), env=self._env(dsn))

    def follow(self) -> Result:
        """Run to the end in large batches, to have it done; in this process, which is cheaper."""
        inside = Inside(self.maint.folder)
        return inside(*self._words(("--batch-target", "1s", "--share", "100")), env=self._env(None))

    def usual(self, *more: str) -> Usual:
        """What an undisturbed run takes, from the start of its process to its end."""
        began = time.monotonic()
        assert self.run(*more).code == 0
        found = Usual(time.monotonic() - began, self.batches())
        self.restore()
        return found

    def end_of(self, process: subprocess.Popen[str]) -> tuple[str, int]:
        """Wait for a run that was started; its outcome and exit code."""
        out, said = process.communicate(timeout=PATIENCE)
        assert out, said
        return json.loads(out)["outcome"], process.returncode

    def _words(self, more: tuple[str, ...]) -> tuple[str, ...]:
        return ("cleanup-sessions", *self.arguments, *more)

    def _env(self, dsn: str | None) -> Mapping[str, str]:
        return {"DATABASE_URL": dsn or self.dsn}

    # -- what there is

    def stale(self) -> int:
        """The stale rows that are left."""
        return int(self.one(f"SELECT count(*) {_WHERE} < now() - interval '12h'"))

    def fresh(self) -> tuple[int, str]:
        """Number and checksum of the rows that no run may touch."""
        summed: LiteralString = "sum(hashtextextended(s::text, 0)::numeric)"
        count = f"SELECT count(*) || ' ' || {summed} {_WHERE} >= now() - interval '12h'"
        number, _, checksum = self.one(count).partition(" ")
        return int(number), checksum

    def gone(self) -> int:
        """The stale rows that were deleted since they were last restored."""
        return self.stale_rows - self.stale()

    def failures(self) -> int:
        """The job's consecutive failures."""
        return int(
            self.one("SELECT consecutive_failures FROM job_heartbeats WHERE lease_token > 0")
        )

    def failures_seen(self) -> list[tuple[int, str]]:
        """Every change of the job's heartbeat that counted a failure."""
        rows = self.conn.execute("SELECT failures, error FROM seen WHERE failures > 0")
        return [(failures, error) for failures, error in rows]

    def exact(self) -> None:
        """Fail unless every row outside the predicate is there and the ledger counts the others."""
        assert self.fresh() == self.fresh_rows
        assert self.counted() == self.gone()

    # -- what happens meanwhile

    @contextmanager
    def locked(self) -> Generator[None]:
        """Somebody else holds the table, and lets nobody else read it."""
        # A connection of its own: inside a transaction pg_stat_activity stands still.
        with psycopg.connect(self.dsn) as other:
            other.execute("LOCK TABLE active_sessions IN ACCESS EXCLUSIVE MODE")
            yield

    def shut_gate(self) -> None:
        """From now on every DELETE waits, on the server and without a lock, until it is opened."""
        self.conn.execute("TRUNCATE gate")
        self.conn.execute(
            "CREATE TRIGGER a_gate BEFORE DELETE ON active_sessions FOR EACH STATEMENT"
            " EXECUTE FUNCTION wait_for_gate()"
        )

    def shut_gate_of_ends(self) -> None:
        """A run that gives its lease back waits just before its COMMIT; failures are noted."""
        self.conn.execute("TRUNCATE gate")
        self.conn.execute(GATE_OF_ENDS)

    def open_gate(self) -> None:
        """Let them through."""
        self.conn.execute("INSERT INTO gate VALUES (true)")

    def waiting(self) -> int:
        """How many runs wait at the gate."""
        return int(
            self.one(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'maint/%'"
                " AND datname = current_database() AND wait_event = 'PgSleep'"
            )
        )

    def ending(self) -> int:
        """How many runs wait at the gate of ends; rows that are slow to go sleep, too."""
        return int(
            self.one(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'maint/%'"
                " AND datname = current_database() AND wait_event = 'PgSleep'"
                " AND query LIKE '%WITH ended AS%'"
            )
        )

    def blocked(self, on: str = "%") -> int:
        """How many runs wait for a lock: on a `relation`, or on a row (`transactionid`)."""
        return int(
            self.one(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'maint/%%'"
                " AND datname = current_database() AND wait_event_type = 'Lock'"
                " AND wait_event LIKE %s",
                on,
            )
        )


_WHERE: LiteralString = "FROM active_sessions s WHERE last_heartbeat"
