"""How long a batch keeps the server, against what it aims at."""

from functools import partial

from bench import sessions
from bench.context import Bench
from bench.record import Batch, Recorded, record
from bench.report import Budget, Section, Table
from bench.rounds import interleaved, quantile
from bench.sessions import FEW, Shape

_FLOOR_MS = 20.0
_TARGETS = ("5ms", "10ms", "50ms")


def run(bench: Bench) -> Section:
    """Measure it."""
    rows = bench.scale.fewer_rows
    lines: list[tuple[str, ...]] = []
    budgets: list[Budget] = []
    for plan, shape in (("heap", Shape(rows)), ("index", Shape(rows, FEW))):
        ways = {target: partial(_batches, bench, shape, target) for target in _TARGETS}
        found = interleaved(ways, bench.scale.rounds)
        for target, sweeps in found.items():
            batches = [batch for each in sweeps for batch in each.batches]
            lines.append((f"{plan} plan, {target}", f"{len(batches)}", *_figures(batches)))
            budgets.append(_budget(f"{plan} plan, {target}", batches))
    how = (
        f"Every batch of a sweep at the default share, {rows:,} rows. `server` is the engine's own"
        " figure, up to COMMIT; `all` is what the client waits over a Unix socket, COMMIT"
        " included. The budget is held against `all`."
    )
    heading = ["sweep", "batches"]
    heading += [f"{what} {q} ms" for what in ("server", "all") for q in ("p50", "p99", "max")]
    return Section("batches", "Batches", how, [Table(heading, lines)], budgets)


def _batches(bench: Bench, shape: Shape, target: str) -> Recorded:
    with sessions.copy(bench.server, shape) as database:
        return record(bench.server.dsn(database), shape.maint, "--batch-target", target)


def _figures(batches: list[Batch]) -> list[str]:
    sides = ([b.server_ms for b in batches], [b.wall_ms for b in batches])
    return [f"{quantile(side, q):.1f}" for side in sides for q in (0.5, 0.99, 1.0)]


def _budget(what: str, batches: list[Batch]) -> Budget:
    worst = max(b.wall_ms / max(2 * b.target_ms, _FLOOR_MS) for b in batches)
    return Budget(f"{what}: longest batch vs twice its target (at least 20 ms)", worst, 1.0)
