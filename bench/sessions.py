"""The swept table, made once a shape and copied file by file for every single measurement."""

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.rounds import say
from bench.server import BenchServer
from maintcli.db import toolkit

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
    query = f"SELECT 1 FROM pg_database WHERE datname = '{shape.name}'"
    if server.value("postgres", query):
        return shape.name
    say(f"  making {shape.rows:,} rows, {shape.stale:,} stale, {shape.order}")
    server.execute("postgres", f"CREATE DATABASE {shape.name}")
    fill = _ROWS.format(stale=shape.stale, rows=shape.rows, order=_ORDERS[shape.order])
    with server.connect(shape.name) as connection:
        toolkit.migrate(connection)
    server.execute(
        shape.name,
        _TABLE,
        "SET work_mem = '1GB'",
        "SET maintenance_work_mem = '1GB'",
        fill,
        "ALTER TABLE active_sessions ADD PRIMARY KEY (session_id)",
        "CREATE INDEX ON active_sessions (last_heartbeat)",
        "CREATE EXTENSION pg_prewarm",
        "VACUUM (FREEZE, ANALYZE) active_sessions",
    )
    return shape.name


@contextmanager
def copy(server: BenchServer, shape: Shape) -> Generator[str]:
    """A fresh copy of the template: the same files, warm in memory, and no write outstanding."""
    name = f"run_{secrets.token_hex(4)}"
    made = f"CREATE DATABASE {name} TEMPLATE {template(server, shape)} STRATEGY FILE_COPY"
    server.execute("postgres", made)
    try:
        warm = "SELECT pg_prewarm(oid) FROM pg_class WHERE relname ~ '^active_sessions'"
        server.execute(name, warm + " ORDER BY relkind DESC", "CHECKPOINT")
        yield name
    finally:
        server.execute("postgres", f"DROP DATABASE {name} WITH (FORCE)")


def drop(server: BenchServer, shape: Shape) -> None:
    """Give the disk space of a template back."""
    server.execute("postgres", f"DROP DATABASE IF EXISTS {shape.name}")


def maint(*options: str, program: tuple[str | Path, ...]) -> list[str | Path]:
    """The command that sweeps the table."""
    return [*program, "cleanup-sessions", "--stale-after", AGE, "--timeout", "30m", *options]
