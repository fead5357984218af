"""Whole partitions dropped, against the same rows swept."""

import time
from functools import partial
from statistics import median

from bench import databases
from bench.command import MAINT, output
from bench.configured import sweep
from bench.context import Bench
from bench.report import Section, Table
from bench.rounds import interleaved

_DAYS, _STALE = 10, 6
_DELETE = "DELETE FROM events WHERE happened_at < date_trunc('day', now(), 'UTC')"


def run(bench: Bench) -> Section:
    """Measure it."""
    rows = bench.scale.rows // 5
    stale = rows // _DAYS * _STALE
    ways = {
        "one DELETE": partial(_delete, bench, rows),
        "maint, rows of a plain table": partial(_sweep, bench, rows, stale, partitioned=False),
        "maint, whole partitions": partial(_sweep, bench, rows, stale, partitioned=True),
    }
    found = interleaved(ways, bench.scale.rounds)
    one = median(found["one DELETE"])
    lines = [
        (
            name,
            f"{median(took):.2f}",
            f"{stale / median(took) / 1e6:.2f}",
            f"{one / median(took):.2f}",
        )
        for name, took in found.items()
    ]
    for partitioned in (True, False):
        databases.drop(bench.server, _name(rows, partitioned=partitioned))
    how = (
        f"{rows:,} rows of 100 bytes, of {_DAYS} days, {_STALE} of them expired; whole commands,"
        " `--share 100`. Each dropped partition is counted first."
    )
    heading = ("way", "seconds", "M rows/s", "speed vs one DELETE")
    return Section("partitions", "Partitions", how, [Table(heading, lines)])


def _name(rows: int, *, partitioned: bool) -> str:
    return f"events_{rows}_{'parts' if partitioned else 'plain'}"


def _made(bench: Bench, rows: int, *, partitioned: bool) -> str:
    """Day `_STALE` from the oldest is the last that is over 60 days old."""
    days = [
        f"date_trunc('day', now(), 'UTC') - interval '{60 + _STALE - d} days'" for d in range(_DAYS)
    ]
    bounds = [*days, f"date_trunc('day', now(), 'UTC') - interval '{60 + _STALE - _DAYS} days'"]
    parts = [
        f"DO $$ BEGIN EXECUTE format('CREATE TABLE events_{d} PARTITION OF events FOR VALUES FROM"
        f" (%L) TO (%L)', {bounds[d]}, {bounds[d + 1]}); END $$"
        for d in range(_DAYS)
    ]
    return databases.template(
        bench.server,
        _name(rows, partitioned=partitioned),
        f"{rows:,} events{', partitioned' if partitioned else ''}",
        "CREATE TABLE events (id bigint NOT NULL, happened_at timestamptz NOT NULL, body text"
        " NOT NULL)" + (" PARTITION BY RANGE (happened_at)" if partitioned else ""),
        *(parts if partitioned else []),
        f"INSERT INTO events SELECT i, {bounds[0]} + (i % {_DAYS}) * interval '1 day'"
        f" + interval '1 hour', rpad('', 60, 'x') FROM generate_series(1, {rows}) i",
        "CREATE INDEX ON events (happened_at)",
    )


def _delete(bench: Bench, rows: int) -> float:
    with databases.copied(bench.server, partial(_made, bench, rows, partitioned=False)) as database:
        began = time.perf_counter()
        bench.server.psql(database, f"{_DELETE} - interval '60 days'")
        return time.perf_counter() - began


def _sweep(bench: Bench, rows: int, stale: int, *, partitioned: bool) -> float:
    job = sweep(bench.folder, "old-events", table="events", column="happened_at", keep="60d")
    made = partial(_made, bench, rows, partitioned=partitioned)
    with databases.copied(bench.server, made) as database:
        env = {"DATABASE_URL": bench.server.dsn(database)}
        began = time.perf_counter()
        output(job("--quiet", "--share", "100", program=(MAINT,)), env)
        took = time.perf_counter() - began
        left = bench.server.value(database, "SELECT count(*) FROM events")
    if left != rows - stale:
        raise AssertionError(f"{left} events are left, not {rows - stale}")
    return took
