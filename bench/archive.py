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

_BY_HAND = "one DELETE … RETURNING through COPY into gzip"


def run(bench: Bench) -> Section:
    """Measure it."""
    shape = Shape(bench.scale.rows // 5)
    ways = {
        "maint": partial(_sweep, bench, shape, archived=False),
        "maint --archive to a folder": partial(_sweep, bench, shape, archived=True),
        _BY_HAND: partial(_by_hand, bench, shape),
    }
    found = interleaved(ways, bench.scale.rounds)
    took = {name: median(seconds for seconds, *_ in results) for name, results in found.items()}
    lines: list[tuple[str, ...]] = []
    for name, results in found.items():
        _, peak, size = (median(figures) for figures in zip(*results, strict=True))
        speed = f"{shape.stale / took[name] / 1e6:.2f}"
        ratios = (f"{took[peer] / took[name]:.2f}" for peer in ("maint", _BY_HAND))
        memory = f"{peak:.0f}" if peak else ""
        lines.append((name, f"{took[name]:.2f}", speed, *ratios, memory, f"{size:.0f}"))
    how = (
        f"{shape.rows:,} rows of 200 bytes, 60 % stale, spread; without pauses (`--share 100`),"
        " from the first batch to the last. Each archived batch is compressed and flushed to the"
        " file system of the data before its COMMIT. By hand: `\\copy (DELETE … RETURNING *) TO"
        " PROGRAM 'gzip -3'` in psql, one transaction, nothing flushed, nothing to check it by."
    )
    heading = ["sweep", "seconds", "M rows/s", "speed vs without", "speed vs by hand"]
    heading += ["peak MiB", "bytes kept a row"]
    return Section("archive", "Archiving", how, [Table(heading, lines)])


def _sweep(bench: Bench, shape: Shape, *, archived: bool) -> tuple[float, float, float]:
    with (
        sessions.copy(bench.server, shape) as database,
        tempfile.TemporaryDirectory(dir=bench.server.folder.parent) as folder,
    ):
        options = ("--archive", folder) if archived else ()
        dsn = bench.server.dsn(database)
        found = record(dsn, shape.maint, "--share", "100", *options)
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    return found.work_seconds, found.peak_mib, size / shape.stale


def _by_hand(bench: Bench, shape: Shape) -> tuple[float, float, float]:
    with (
        sessions.copy(bench.server, shape) as database,
        tempfile.TemporaryDirectory(dir=bench.server.folder.parent) as folder,
    ):
        file = Path(folder) / "gone.gz"
        copy = f"\\copy ({shape.delete} RETURNING *) TO PROGRAM 'gzip -3 > {file}'"
        took = bench.server.psql(database, copy).seconds
        return took, 0.0, file.stat().st_size / shape.stale
