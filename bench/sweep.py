"""Flat out: a sweep against one DELETE in psql, by its own plan and by each forced."""

import time
from collections.abc import Callable
from functools import partial
from statistics import median

from bench import sessions
from bench.context import Bench
from bench.record import record
from bench.report import Budget, Section, Table
from bench.rounds import interleaved
from bench.sessions import DELETE, PREDICATE, Shape

_SCANS = {"sequential": "seqscan", "index": "indexscan", "bitmap": "bitmapscan"}
OURS, OWN = "maint --share 100", "one DELETE, its own plan"
SSD, SSD_COST = f"{OWN} at random_page_cost 1.1", "SET random_page_cost = 1.1"


def run(bench: Bench) -> Section:
    """Measure it."""
    rows = bench.scale.rows
    lines: list[tuple[str, ...]] = []
    budgets: list[Budget] = []
    for what, shape in (
        ("60 % stale, spread", Shape(rows, 0.6)),
        ("60 % stale, contiguous", Shape(rows, 0.6, "contiguous")),
        ("2 % stale, spread", Shape(rows, 0.02)),
        ("2 % stale, contiguous", Shape(rows, 0.02, "contiguous")),
    ):
        found = interleaved(_ways(bench, shape), bench.scale.rounds, warm_ups=1)
        took = {name: median(work for work, _ in times) for name, times in found.items()}
        whole = median(whole for _, whole in found[OURS])
        chosen = {OWN: _chosen(bench, shape), SSD: _chosen(bench, shape, SSD_COST)}
        for name, value in [*took.items(), (f"{OURS}, the whole command", whole)]:
            note = f"{name} ({chosen[name]})" if name in chosen else name
            speed, ratio = shape.stale / value / 1e6, took[OWN] / value
            lines.append((f"{what}: {note}", f"{value:.2f}", f"{speed:.2f}", f"{ratio:.2f}"))
        budgets += _budgets(what, shape, took)
        sessions.drop(bench.server, shape)
    how = (
        f"{rows:,} rows of 200 bytes, a fresh copy for every run, warm. Ours counts from its first"
        " batch to its last, with fence, ledger and commits; start-up has its own budget, and the"
        " whole command, with lease, end and the count of what remains, stands below. Which plan"
        " PostgreSQL chooses for the DELETE depends on random_page_cost: 4 as it comes, 1.1 where"
        " somebody has set it for an SSD."
    )
    table = Table(("way", "seconds", "M rows/s", "speed vs one DELETE"), lines)
    return Section("sweep", "Sweeping flat out", how, [table], budgets)


def _budgets(what: str, shape: Shape, took: dict[str, float]) -> list[Budget]:
    ours, own, ssd = took[OURS], took[OWN], took[SSD]
    best = min(v for n, v in took.items() if n != OURS)
    if shape.stale_share < 0.1:
        return [Budget(f"{what}: speed vs one DELETE", own / ours, 0.6, at_most=False)]
    return [
        Budget(f"{what}: speed vs one DELETE with its own plan", own / ours, 1.5, at_most=False),
        Budget(f"{what}: the same where random pages cost 1.1", ssd / ours, 1.5, at_most=False),
        Budget(f"{what}: speed vs its best plan", best / ours, 0.8, at_most=False),
    ]


def _ways(bench: Bench, shape: Shape) -> dict[str, Callable[[], tuple[float, float]]]:
    forced: dict[str, Callable[[], tuple[float, float]]] = {
        f"one DELETE, {name} forced": partial(_delete, bench, shape, scan)
        for name, scan in _SCANS.items()
    }
    return {
        OWN: partial(_delete, bench, shape, None),
        OURS: partial(_sweep, bench, shape),
        SSD: partial(_delete, bench, shape, None, SSD_COST),
        **forced,
    }


def _delete(bench: Bench, shape: Shape, scan: str | None, *settings: str) -> tuple[float, float]:
    off = [f"SET enable_{other} = off" for other in _SCANS.values() if scan and other != scan]
    with sessions.copy(bench.server, shape) as database:
        began = time.perf_counter()
        said = bench.server.psql(database, *settings, *off, DELETE)
        took = time.perf_counter() - began
    _check(shape, int(said.split()[-1]))
    return took, took


def _sweep(bench: Bench, shape: Shape) -> tuple[float, float]:
    """The seconds from the first batch to the last, and of the whole command, on a fresh copy."""
    with sessions.copy(bench.server, shape) as database:
        found = record(bench.server.dsn(database), "--share", "100")
    _check(shape, found.deleted)
    return found.work_seconds, found.seconds


def _check(shape: Shape, deleted: int) -> None:
    if deleted != shape.stale:
        raise AssertionError(f"{deleted} rows were deleted, not {shape.stale}")


def _chosen(bench: Bench, shape: Shape, *settings: str) -> str:
    """Which scan PostgreSQL chooses for the DELETE by itself."""
    explain = f"EXPLAIN DELETE FROM active_sessions WHERE {PREDICATE}"
    plan = bench.server.psql(sessions.template(bench.server, shape), *settings, explain)
    scans = (line.strip(" ->").partition(" on ")[0] for line in plan.splitlines())
    return next(s.partition(" using ")[0].lower() for s in scans if "Scan" in s)
