"""What the application feels while a sweep runs beside it, and what the sweep still does."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from bench import load, quiet, sessions
from bench.context import Bench
from bench.record import record
from bench.report import Budget, Section, Table
from bench.rounds import interleaved, say
from bench.sessions import Shape

_TRIED = (("5ms", "50"), ("5ms", "70"), ("10ms", "70"), ("10ms", "100"))  # target and share
_ONE, _DEFAULT = "one DELETE", "maint, as it comes"


@dataclass(frozen=True)
class Beside:
    """One sweep beside the application: its speed, and the application's ratios to idle."""

    rows_per_second: float
    idle_p99: float
    p99: float
    p99_ratio: float
    rate_ratio: float


def run(bench: Bench) -> Section:
    """Measure it."""
    shape = Shape(bench.scale.fewer_rows)
    lines: list[Sequence[str]] = []
    budgets: list[Budget] = []
    for kind in load.KINDS:
        script = bench.folder / f"{kind}.sql"
        load.write_script(kind, shape, script)
        with sessions.copy(bench.server, shape) as database:
            flat_out = partial(load.most, bench.server, database, script, bench.scale.load_seconds)
            most, lost = quiet.measured(flat_out)
        say(f"  {kind}: at most {most:.0f}/s (lost {lost:.1%})")
        found = interleaved(_ways(bench, shape, script, most / 2), bench.scale.rounds)
        one = median(r.rows_per_second for r in found[_ONE])
        for name, results in found.items():
            lines.append((f"{kind} at {most / 2:.0f}/s: {name}", *_figures(results, one)))
        budgets += _budgets(kind, found[_DEFAULT], one)
    how = (
        "pgbench with 4 clients on live sessions of the swept table, at half of the rate that it"
        f" reaches alone; {shape.rows:,} rows, 60 % stale, spread."
        " Latency is from when a transaction was due to its end. The p99 is the middle one of those"
        " of all quarters of a second, since one stolen moment would make that of the whole; each"
        " ratio is to the seconds before the sweep, in the same round. The sweep counts from its"
        " first batch to its last."
    )
    heading = ["beside the application", "idle p99 ms", "p99 ms", "p99 vs idle", "rate vs idle"]
    heading += ["M rows/s", "vs one DELETE"]
    return Section("disturbance", "Beside an application", how, [Table(heading, lines)], budgets)


def _ways(bench: Bench, shape: Shape, script: Path, rate: float) -> dict[str, Callable[[], Beside]]:
    options: dict[str, Sequence[str] | None] = {_ONE: None, _DEFAULT: ()}
    for target, share in _TRIED:
        given = ("--batch-target", target, "--share", share)
        options[f"maint {' '.join(given)}"] = given
    return {
        name: partial(_beside, bench, shape, script, rate, given) for name, given in options.items()
    }


def _beside(
    bench: Bench,
    shape: Shape,
    script: Path,
    rate: float,
    options: Sequence[str] | None,
) -> Beside:
    server = bench.server
    with (
        sessions.copy(server, shape) as database,
        tempfile.TemporaryDirectory(prefix="maint-bench-") as folder,
    ):
        log = Path(folder) / "pgbench"
        with load.running(server, database, script, rate, log) as application:
            began = time.time()
            with quiet.timed():
                time.sleep(bench.scale.load_seconds)
            idle_to = time.time()
            swept_from, swept_to = _sweep(bench, database, shape, options)
        idle = application.window(began, idle_to)
        busy = application.window(swept_from, swept_to)
    return Beside(
        rows_per_second=shape.stale / (swept_to - swept_from),
        idle_p99=idle.p99,
        p99=busy.p99,
        p99_ratio=busy.p99 / idle.p99,
        rate_ratio=busy.per_second / idle.per_second,
    )


def _sweep(
    bench: Bench, database: str, shape: Shape, options: Sequence[str] | None
) -> tuple[float, float]:
    """Sweep (None: by one DELETE); when it began and ended, Unix seconds, start-up left out."""
    if options is not None:
        found = record(bench.server.dsn(database), shape.maint, *options)
        return found.began, found.ended
    took = bench.server.psql(database, shape.delete)
    return took.ended - took.seconds, took.ended


def _figures(results: Sequence[Beside], one: float) -> list[str]:
    speed = median(r.rows_per_second for r in results)
    return [
        f"{median(r.idle_p99 for r in results):.2f}",
        f"{median(r.p99 for r in results):.2f}",
        f"{median(r.p99_ratio for r in results):.1f}",
        f"{median(r.rate_ratio for r in results):.3f}",
        f"{speed / 1e6:.2f}",
        f"{speed / one:.2f}",
    ]


def _budgets(kind: str, results: Sequence[Beside], one: float) -> list[Budget]:
    speed = median(r.rows_per_second for r in results) / one
    p99, rate = (median(getattr(r, n) for r in results) for n in ("p99_ratio", "rate_ratio"))
    return [
        Budget(f"{kind}: application's p99 vs idle", p99, 3),
        Budget(f"{kind}: application's rate vs idle", rate, 0.97, at_most=False),
        Budget(f"{kind}: speed vs one DELETE under that load", speed, 0.5, at_most=False),
    ]
