"""The swept table, made once a shape and copied file by file for every single measurement."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import databases
from bench.server import BenchServer

AGE = "24h"
PREDICATE = "last_heartbeat < now() - interval '24 hours'"
DELETE = f"DELETE FROM active_sessions WHERE {PREDICATE}"

_TABLE = """
CREATE TABLE active_sessions (
    session_id     text NOT NULL,
    access_key     text NOT NULL,
    last_heartbeat timestamptz NOT NULL DEFAULT now()
)"""
# Stale rows are two to three days old, the others less than twelve hours. Number 1 is the oldest,
# so that a load can name live sessions by their numbers.
_ROWS = """
INSERT INTO active_sessions
SELECT md5(i::text), rpad(md5((-i)::text), 116, 'x'),
       CASE WHEN i <= {stale} THEN now() - interval '3 days' + i * interval '1 day' / {stale}
            ELSE now() - interval '12 hours' + (i - {stale}) * interval '12 hours' / {rows} END
FROM generate_series(1, {rows}) AS i
ORDER BY {order}"""
_ORDERS = {"spread": "md5(i::text || 'order')", "contiguous": "i"}


@dataclass(frozen=True)
class Shape:
    """A table: how many rows, what share is stale (0 to 1), and how those lie in the heap."""

    rows: int
    stale_share: float
    order: str = "spread"

    @property
    def stale(self) -> int:
        """How many rows are stale."""
        return max(1, int(self.rows * self.stale_share))

    @property
    def name(self) -> str:
        """The name of its template database."""
        return f"{self.order}_{self.rows}_{self.stale}"


def template(server: BenchServer, shape: Shape) -> str:
    """The database that has the table, the toolkit's tables and pgbench's; made if missing."""
    return databases.template(
        server,
        shape.name,
        f"{shape.rows:,} rows, {shape.stale:,} stale, {shape.order}",
        _TABLE,
        _ROWS.format(stale=shape.stale, rows=shape.rows, order=_ORDERS[shape.order]),
        "ALTER TABLE active_sessions ADD PRIMARY KEY (session_id)",
        "CREATE INDEX ON active_sessions (last_heartbeat)",
    )


def copy(server: BenchServer, shape: Shape) -> AbstractContextManager[str]:
    """A fresh copy of the table's database."""
    return databases.copied(server, partial(template, server, shape))


def drop(server: BenchServer, shape: Shape) -> None:
    """Give the disk space of a template back."""
    databases.drop(server, shape.name)


def maint(*options: str, program: tuple[str | Path, ...]) -> list[str | Path]:
    """The command that sweeps the table."""
    return [*program, "cleanup-sessions", "--stale-after", AGE, "--timeout", "30m", *options]
