"""The swept table, made once an order and copied file by file for every single measurement."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import databases
from bench.server import BenchServer

MOST, FEW = 0.6, 0.02
"""Shares of the rows that can be stale: one table serves for both, by how old a row may get."""

_AGES = {MOST: "24h", FEW: "7d"}
_TABLE = """
CREATE TABLE active_sessions (
    session_id     text NOT NULL,
    access_key     text NOT NULL,
    last_heartbeat timestamptz NOT NULL DEFAULT now()
)"""
# The oldest are ten to eleven days old, then come rows of two to three days, and the others are
# less than twelve hours old. Number 1 is the oldest, so that a load can name live sessions by
# their numbers.
_ROWS = """
INSERT INTO active_sessions
SELECT md5(i::text), rpad(md5((-i)::text), 116, 'x'),
       now() - CASE WHEN i <= {few} THEN interval '11 days' WHEN i <= {most} THEN interval '3 days'
                    ELSE interval '12 hours' END
             + i * interval '12 hours' / {rows}
FROM generate_series(1, {rows}) AS i
ORDER BY {order}"""
_ORDERS = {"spread": "md5(i::text || 'order')", "contiguous": "i"}


@dataclass(frozen=True)
class Shape:
    """A table: how many rows, what share is stale (MOST or FEW), and how those lie in the heap."""

    rows: int
    stale_share: float = MOST
    order: str = "spread"

    @property
    def stale(self) -> int:
        """How many rows are stale."""
        return _stale(self.rows, self.stale_share)

    @property
    def name(self) -> str:
        """The name of its template database."""
        return f"{self.order}_{self.rows}"

    @property
    def predicate(self) -> str:
        """What is true of a stale row."""
        return f"last_heartbeat < now() - interval '{_AGES[self.stale_share]}'"

    @property
    def delete(self) -> str:
        """The one DELETE that a sweep is compared with."""
        return f"DELETE FROM active_sessions WHERE {self.predicate}"

    def maint(self, *options: str, program: tuple[str | Path, ...]) -> list[str | Path]:
        """The command that sweeps the table."""
        age = ("--stale-after", _AGES[self.stale_share])
        return [*program, "cleanup-sessions", *age, "--timeout", "30m", *options]


def template(server: BenchServer, shape: Shape) -> str:
    """The database that has the table and the toolkit's; made if missing."""
    few, most = (_stale(shape.rows, share) for share in (FEW, MOST))
    return databases.template(
        server,
        shape.name,
        f"{shape.rows:,} rows, {shape.order}",
        _TABLE,
        _ROWS.format(few=few, most=most, rows=shape.rows, order=_ORDERS[shape.order]),
        "ALTER TABLE active_sessions ADD PRIMARY KEY (session_id)",
        "CREATE INDEX ON active_sessions (last_heartbeat)",
    )


def copy(server: BenchServer, shape: Shape) -> AbstractContextManager[str]:
    """A fresh copy of the table's database."""
    return databases.copied(server, partial(template, server, shape))


def drop(server: BenchServer, shape: Shape) -> None:
    """Give the disk space of a template back; the others stay, for the next benchmark."""
    databases.drop(server, shape.name)


def _stale(rows: int, share: float) -> int:
    return max(1, int(rows * share))
