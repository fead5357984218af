"""A database far away: through a proxy that adds to every round trip."""

from functools import partial
from statistics import median

from tests.parts.proxy import proxy

from bench import sessions
from bench.context import Bench
from bench.record import Recorded, record
from bench.report import Budget, Section, Table
from bench.rounds import interleaved
from bench.sessions import FEW, MOST, Shape

_TRIPS_MS = (0, 50)
_SHARES = ("50", "100")


def run(bench: Bench) -> Section:
    """Measure it."""
    rows = bench.scale.rows
    lines: list[tuple[str, ...]] = []
    budgets: list[Budget] = []
    for what, part in (("60 % stale", MOST), ("2 % stale", FEW)):
        shape = Shape(rows, part)
        ways = {
            f"share {share}, {trip} ms": partial(_sweep, bench, shape, share, trip)
            for share in _SHARES
            for trip in _TRIPS_MS
        }
        found = interleaved(ways, bench.scale.rounds)
        took = {name: median(s.work_seconds for s in sweeps) for name, sweeps in found.items()}
        for name, sweeps in found.items():
            near = took[f"{name.partition(',')[0]}, 0 ms"]
            length = median(b.server_ms for b in sweeps[0].batches)
            ratio = near / took[name]
            lines.append((f"{what}, {name}", f"{took[name]:.2f}", f"{length:.1f}", f"{ratio:.2f}"))
            if name.endswith(", 50 ms"):
                budgets.append(Budget(f"{what}, {name}: speed kept", ratio, 0.5, at_most=False))
    how = (
        f"{rows:,} rows. Half of the milliseconds in each direction, on TCP; 0 ms is the Unix"
        " socket without the proxy. From the first batch to the last, since start-up has its own"
        " budget."
    )
    heading = ("sweep, added to a round trip", "seconds", "median batch, server ms", "speed kept")
    return Section("distance", "Distance", how, [Table(heading, lines)], budgets)


def _sweep(bench: Bench, shape: Shape, share: str, trip_ms: int) -> Recorded:
    with sessions.copy(bench.server, shape) as database:
        if not trip_ms:
            return record(bench.server.dsn(database), shape.maint, "--share", share)
        with proxy(bench.server, delay=trip_ms / 2000) as far:
            return record(far.dsn(database), shape.maint, "--share", share)
