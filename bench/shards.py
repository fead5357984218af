"""Several processes on one table."""

import subprocess
import time
from functools import partial
from statistics import median

from bench import quiet, sessions
from bench.command import MAINT, environment
from bench.context import Bench
from bench.report import Section, Table
from bench.rounds import interleaved
from bench.sessions import Shape


def run(bench: Bench) -> Section:
    """Measure it."""
    shape = Shape(bench.scale.rows)
    lines: list[tuple[str, ...]] = []
    for share in ("50", "100"):
        ways = {f"{n}": partial(_sweep, bench, shape, n, share) for n in (1, 2, 4)}
        found = interleaved(ways, bench.scale.rounds)
        one = median(found["1"])
        for name, results in found.items():
            took = median(results)
            speed = f"{shape.stale / took / 1e6:.2f}"
            lines.append((f"--share {share}, {name}", f"{took:.2f}", speed, f"{one / took:.2f}"))
    how = (
        f"{shape.rows:,} rows, 60 % stale, spread; N whole commands `--shard I/N` at once, until"
        " the last has ended. The server and all of them have the machine's cores to share."
    )
    heading = ("sweep, processes", "seconds", "M rows/s", "speed vs one process")
    return Section("shards", "Shards", how, [Table(heading, lines)])


def _sweep(bench: Bench, shape: Shape, number: int, share: str) -> float:
    with sessions.copy(bench.server, shape) as database:
        env = environment({"DATABASE_URL": bench.server.dsn(database), "MAINT_RUN_GROUP": "bench"})
        with quiet.timed():
            began = time.perf_counter()
            parts = [_start(shape, number, part, share, env) for part in range(number)]
            codes = [part.wait() for part in parts]
            took = time.perf_counter() - began
        stale = bench.server.value(
            database, f"SELECT count(*) FROM active_sessions WHERE {shape.predicate}"
        )
    if any(codes) or stale:
        raise AssertionError(f"exit codes {codes}, {stale} stale rows left")
    return took


def _start(
    shape: Shape, number: int, part: int, share: str, env: dict[str, str]
) -> subprocess.Popen[bytes]:
    options = ("--quiet", "--share", share, "--shard", f"{part}/{number}")
    command = shape.maint(*options, program=(MAINT,))
    return subprocess.Popen([str(word) for word in command], env=env, cwd="/")
