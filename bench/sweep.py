"""Flat out: a sweep against one DELETE in psql, by its own plan and by each forced."""

from collections.abc import Callable
from functools import partial
from statistics import median

from bench import sessions
from bench.context import Bench
from bench.record import record
from bench.report import Budget, Section, Table
from bench.rounds import interleaved
from bench.sessions import FEW, MOST, Shape

_SCANS = {"sequential": "seqscan", "index": "indexscan", "bitmap": "bitmapscan"}
SHORT = ("--share", "100")
FLAT_OUT = (*SHORT, "--batch-target", "100ms")
OURS, OWN = f"maint {' '.join(FLAT_OUT)}", "one DELETE, its own plan"
SSD, SSD_COST = f"{OWN} at random_page_cost 1.1", "SET random_page_cost = 1.1"


def run(bench: Bench) -> Section:
    """Measure it."""
    rows = bench.scale.rows
    lines: list[tuple[str, ...]] = []
    budgets: list[Budget] = []
    for order in ("spread", "contiguous"):
        for share in (MOST, FEW):
            shape = Shape(rows, share, order)
            what = f"{share:.0%} stale, {order}".replace("%", " %")
            found = interleaved(_ways(bench, shape), bench.scale.rounds)
            lines += _lines(bench, what, shape, found)
            budgets += _budgets(what, shape, _work(found))
    sessions.drop(bench.server, Shape(rows, MOST, "contiguous"))
    how = (
        f"{rows:,} rows of 200 bytes, a fresh copy for every run, warm. Flat out is without pauses"
        " (`--share 100`) and with batches that are long enough for their commits to matter little"
        " (`--batch-target 100ms`); the usual 10 ms stand beside it. Ours counts from its first"
        " batch to its last, with fence, ledger and commits; start-up has its own budget, and the"
        " whole command, with lease, end and the count of what remains, stands below. Which plan"
        " PostgreSQL chooses for the DELETE depends on random_page_cost: 4 as it comes, 1.1 where"
        " somebody has set it for an SSD."
    )
    table = Table(("way", "seconds", "M rows/s", "speed vs one DELETE"), lines)
    return Section("sweep", "Sweeping flat out", how, [table], budgets)


Times = dict[str, list[tuple[float, float]]]


def _lines(bench: Bench, what: str, shape: Shape, found: Times) -> list[tuple[str, ...]]:
    took = _work(found)
    whole = median(whole for _, whole in found[OURS])
    chosen = {OWN: _chosen(bench, shape), SSD: _chosen(bench, shape, SSD_COST)}
    lines: list[tuple[str, ...]] = []
    for name, value in [*took.items(), (f"{OURS}, the whole command", whole)]:
        note = f"{name} ({chosen[name]})" if name in chosen else name
        speed, ratio = shape.stale / value / 1e6, took[OWN] / value
        lines.append((f"{what}: {note}", f"{value:.2f}", f"{speed:.2f}", f"{ratio:.2f}"))
    return lines


def _work(found: Times) -> dict[str, float]:
    return {name: median(work for work, _ in times) for name, times in found.items()}


def _budgets(what: str, shape: Shape, took: dict[str, float]) -> list[Budget]:
    ours, own = took[OURS], took[OWN]
    if shape.stale_share == FEW:
        return [Budget(f"{what}: speed vs one DELETE", own / ours, 0.6, at_most=False)]
    best, ssd = min(v for n, v in took.items() if not n.startswith("maint")), took[SSD]
    return [
        Budget(f"{what}: speed vs one DELETE with its own plan", own / ours, 1.5, at_most=False),
        Budget(f"{what}: the same where random pages cost 1.1", ssd / ours, 1.5, at_most=False),
        Budget(f"{what}: speed vs its best plan", best / ours, 0.8, at_most=False),
    ]


def _ways(bench: Bench, shape: Shape) -> dict[str, Callable[[], tuple[float, float]]]:
    """Which plan is best matters where a budget asks for it: where most rows are stale."""
    ways: dict[str, Callable[[], tuple[float, float]]] = {
        OWN: partial(_delete, bench, shape, None),
        OURS: partial(_sweep, bench, shape, *FLAT_OUT),
        f"maint {' '.join(SHORT)}": partial(_sweep, bench, shape, *SHORT),
    }
    if shape.stale_share == MOST:
        ways[SSD] = partial(_delete, bench, shape, None, SSD_COST)
        for name, scan in _SCANS.items():
            ways[f"one DELETE, {name} forced"] = partial(_delete, bench, shape, scan)
    return ways


def _delete(bench: Bench, shape: Shape, scan: str | None, *settings: str) -> tuple[float, float]:
    off = [f"SET enable_{other} = off" for other in _SCANS.values() if scan and other != scan]
    with sessions.copy(bench.server, shape) as database:
        ran = bench.server.psql(database, *settings, *off, shape.delete)
    _check(shape, int(ran.text.split()[-1]))
    return ran.seconds, ran.seconds


def _sweep(bench: Bench, shape: Shape, *options: str) -> tuple[float, float]:
    """The seconds from the first batch to the last, and of the whole command, on a fresh copy."""
    with sessions.copy(bench.server, shape) as database:
        found = record(bench.server.dsn(database), shape.maint, *options)
    _check(shape, found.deleted)
    return found.work_seconds, found.seconds


def _check(shape: Shape, deleted: int) -> None:
    if deleted != shape.stale:
        raise AssertionError(f"{deleted} rows were deleted, not {shape.stale}")


def _chosen(bench: Bench, shape: Shape, *settings: str) -> str:
    """Which scan PostgreSQL chooses for the DELETE by itself."""
    explain = f"EXPLAIN DELETE FROM active_sessions WHERE {shape.predicate}"
    plan = bench.server.psql(sessions.template(bench.server, shape), *settings, explain).text
    scans = (line.strip(" ->").partition(" on ")[0] for line in plan.splitlines())
    return next(s.partition(" using ")[0].lower() for s in scans if "Scan" in s)
