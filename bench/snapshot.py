"""A snapshot held open elsewhere: dead rows and index entries stay, and must not slow the end."""

from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from statistics import median

from bench import sessions
from bench.context import Bench
from bench.record import Batch, Recorded, record
from bench.report import Budget, Section, Table
from bench.rounds import interleaved
from bench.sessions import FEW, MOST, Shape


def run(bench: Bench) -> Section:
    """Measure it."""
    lines: list[tuple[str, ...]] = []
    budgets: list[Budget] = []
    for plan, share in (("heap", MOST), ("index", FEW)):
        shape = Shape(bench.scale.rows, share)
        ways = {
            "old snapshot": partial(_sweep, bench, shape, held=True),
            "none": partial(_sweep, bench, shape, held=False),
        }
        found = interleaved(ways, bench.scale.rounds)
        for name, sweeps in found.items():
            cost = median(_growth(s.batches) for s in sweeps)
            length = median(_growth(s.batches, each=True) for s in sweeps)
            seconds = median(s.seconds for s in sweeps)
            row = (f"{plan} plan, {name}", f"{seconds:.2f}", f"{length:.2f}", f"{cost:.2f}")
            lines.append(row)
            if name == "old snapshot":
                what = f"{plan} plan, old snapshot: last tenth of the batches vs the first"
                budgets += [
                    Budget(f"{what}, length", length, 1.5),
                    Budget(f"{what}, cost of a {'block' if plan == 'heap' else 'row'}", cost, 1.5),
                ]
    how = (
        "A REPEATABLE READ transaction that has read the table stays open through the sweep"
        " (`--share 100`). Since batches aim at a time, their length alone says little: the second"
        " figure is the time for each block or row looked at."
    )
    heading = ("sweep", "seconds", "length, last / first tenth", "cost, last / first tenth")
    return Section("snapshot", "Under an old snapshot", how, [Table(heading, lines)], budgets)


def _sweep(bench: Bench, shape: Shape, *, held: bool) -> Recorded:
    with sessions.copy(bench.server, shape) as database:
        if not held:
            return record(bench.server.dsn(database), shape.maint, "--share", "100")
        with _snapshot(bench, database):
            return record(bench.server.dsn(database), shape.maint, "--share", "100")


@contextmanager
def _snapshot(bench: Bench, database: str) -> Generator[None]:
    with bench.server.connect(database) as connection:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT 1 FROM active_sessions LIMIT 1")
        yield
        connection.execute("COMMIT")


def _growth(batches: list[Batch], *, each: bool = False) -> float:
    tenth = max(1, len(batches) // 10)
    first, last = (
        batches[:tenth],
        batches[-tenth - 1 : -1] or batches[-1:],
    )  # the very last is a rest
    if each:
        return median(b.wall_ms for b in last) / median(b.wall_ms for b in first)
    return _cost(last) / _cost(first)


def _cost(batches: list[Batch]) -> float:
    return sum(b.wall_ms for b in batches) / sum(b.units for b in batches)
