"""Memory: the peak of a run, from a small table to a large one."""

from collections.abc import Sequence

from bench import sessions
from bench.context import Bench
from bench.record import record
from bench.report import Budget, Section, Table
from bench.rounds import say
from bench.sessions import MOST, Shape


def run(bench: Bench) -> Section:
    """Measure it."""
    return measure(bench, "memory", "Memory", bench.scale.memory_rows)


def measure(bench: Bench, name: str, title: str, sizes: Sequence[int]) -> Section:
    """Measure it with tables of so many rows."""
    peaks: dict[int, float] = {}
    lines: list[tuple[str, ...]] = []
    for rows in sizes:
        shape = Shape(rows, MOST, "contiguous" if rows > 10_000_000 else "spread")
        with sessions.copy(bench.server, shape) as database:
            found = record(bench.server.dsn(database), shape.maint, "--share", "100")
        peaks[rows] = found.peak_mib
        say(f"  {rows:,} rows: {found.peak_mib:.1f} MiB")
        lines.append((f"{rows:,}", f"{len(found.batches)}", f"{found.peak_mib:.1f}"))
    how = (
        "The most memory that was resident at once (VmHWM) in a process that sweeps a table of"
        " which 60 % is stale; the recorder of batches is part of it."
    )
    first, last = min(peaks), max(peaks)
    budgets = [
        Budget("peak of the largest run", max(peaks.values()), 80, unit="MiB"),
        Budget(f"peak at {last:,} rows vs {first:,}", peaks[last] / peaks[first], 1.1),
    ]
    return Section(name, title, how, [Table(("rows", "batches", "peak MiB"), lines)], budgets)
