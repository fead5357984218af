"""Whole partitions dropped, against the same rows swept."""

from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median

from bench import databases
from bench.command import MAINT, seconds
from bench.configured import sweep
from bench.context import Bench
from bench.report import Section, Table
from bench.rounds import interleaved

_PARTS, _STALE = 10, 6
_KEPT = timedelta(days=60)
_DELETE = "DELETE FROM events WHERE happened_at < now() - interval '60 days'"
_NOW = datetime.now(UTC)  # every part is a day; the cutoff lies in the middle of one


def run(bench: Bench) -> Section:
    """Measure it."""
    rows = bench.scale.rows
    stale = rows // _PARTS * _STALE
    ways = {
        "one DELETE": partial(_delete, bench, rows),
        "maint, rows of a plain table": partial(_sweep, bench, rows, stale, partitioned=False),
        "maint, whole partitions": partial(_sweep, bench, rows, stale, partitioned=True),
    }
    found = interleaved(ways, bench.scale.rounds)
    one = median(found["one DELETE"])
    lines: list[tuple[str, ...]] = []
    for name, results in found.items():
        took = median(results)
        lines.append((name, f"{took:.2f}", f"{stale / took / 1e6:.2f}", f"{one / took:.2f}"))
    for partitioned in (True, False):
        databases.drop(bench.server, _name(rows, partitioned=partitioned))
    how = (
        f"{rows:,} rows of 100 bytes, of {_PARTS} days, {_STALE} of them expired; whole commands,"
        " `--share 100`. Each dropped partition is counted first."
    )
    heading = ("way", "seconds", "M rows/s", "speed vs one DELETE")
    return Section("partitions", "Partitions", how, [Table(heading, lines)])


def _name(rows: int, *, partitioned: bool) -> str:
    return f"events_{rows}_{'parts' if partitioned else 'plain'}"


def _bound(day: int) -> datetime:
    return _NOW - _KEPT - timedelta(hours=12) + timedelta(days=day - _STALE)


def _made(bench: Bench, rows: int, *, partitioned: bool) -> str:
    """The last of the expired parts ended half a day before the cutoff; rows are at their ends."""
    parts = [
        f"CREATE TABLE events_{day} PARTITION OF events FOR VALUES"
        f" FROM ('{_bound(day)}') TO ('{_bound(day + 1)}')"
        for day in range(_PARTS)
    ]
    return databases.template(
        bench.server,
        _name(rows, partitioned=partitioned),
        f"{rows:,} events{', partitioned' if partitioned else ''}",
        "CREATE TABLE events (id bigint NOT NULL, happened_at timestamptz NOT NULL, body text"
        " NOT NULL)" + (" PARTITION BY RANGE (happened_at)" if partitioned else ""),
        *(parts if partitioned else []),
        f"INSERT INTO events SELECT i, timestamptz '{_bound(1)}' - interval '1 minute'"
        f" + (i % {_PARTS}) * interval '1 day', rpad('', 60, 'x')"
        f" FROM generate_series(1, {rows}) i",
        "CREATE INDEX ON events (happened_at)",
    )


def _delete(bench: Bench, rows: int) -> float:
    with databases.copied(bench.server, partial(_made, bench, rows, partitioned=False)) as database:
        return bench.server.psql(database, _DELETE).seconds


def _sweep(bench: Bench, rows: int, stale: int, *, partitioned: bool) -> float:
    job = sweep(bench.folder, "old-events", table="events", column="happened_at", keep="60d")
    made = partial(_made, bench, rows, partitioned=partitioned)
    with databases.copied(bench.server, made) as database:
        env = {"DATABASE_URL": bench.server.dsn(database)}
        took = seconds(job("--quiet", "--share", "100", program=(MAINT,)), env)
        left = bench.server.value(database, "SELECT count(*) FROM events")
    if left != rows - stale:
        raise AssertionError(f"{left} events are left, not {rows - stale}")
    return took
