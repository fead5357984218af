"""What every benchmark is given."""

from dataclasses import dataclass
from pathlib import Path

from bench.scale import Scale
from bench.server import BenchServer


@dataclass(frozen=True)
class Bench:
    """The server, how much to measure, and a folder to work in."""

    server: BenchServer
    scale: Scale
    folder: Path
