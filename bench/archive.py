"""What it costs to keep what is removed."""

import tempfile
from functools import partial
from pathlib import Path
from statistics import median

from bench import sessions
from bench.context import Bench
from bench.record import record
from bench.report import Section, Table
from bench.rounds import interleaved
from bench.sessions import Shape


def run(bench: Bench) -> Section:
    """Measure it."""
    shape = Shape(bench.scale.rows // 5, 0.6)
    ways = {
        "without": partial(_sweep, bench, shape, archived=False),
        "--archive to a folder": partial(_sweep, bench, shape, archived=True),
    }
    found = interleaved(ways, bench.scale.rounds)
    sessions.drop(bench.server, shape)
    plain = median(seconds for seconds, _, _ in found["without"])
    lines: list[tuple[str, ...]] = []
    for name, results in found.items():
        took, peak, size = (median(figures) for figures in zip(*results, strict=True))
        speed = shape.stale / took / 1e6
        figures = (f"{took:.2f}", f"{speed:.2f}", f"{plain / took:.2f}", f"{peak:.0f}")
        lines.append((name, *figures, f"{size / shape.stale:.0f}"))
    how = (
        f"{shape.rows:,} rows of 200 bytes, 60 % stale, spread; flat out (`--share 100`), from the"
        " first batch to the last. Each archived batch is compressed and flushed to the disk before"
        " its COMMIT."
    )
    heading = ("sweep", "seconds", "M rows/s", "speed vs without", "peak MiB", "bytes kept a row")
    return Section("archive", "Archiving", how, [Table(heading, lines)])


def _sweep(bench: Bench, shape: Shape, *, archived: bool) -> tuple[float, float, float]:
    with (
        sessions.copy(bench.server, shape) as database,
        tempfile.TemporaryDirectory(dir=bench.folder) as folder,
    ):
        options = ("--archive", folder) if archived else ()
        found = record(bench.server.dsn(database), "--share", "100", *options)
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    return found.work_seconds, found.peak_mib, float(size)
