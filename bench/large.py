"""Memory at 50 million rows: with --full, or by name, as it takes an hour and 100 GB of disk."""

from bench import memory
from bench.context import Bench
from bench.report import Section

_ROWS = (10_000, 1_000_000, 50_000_000)


def run(bench: Bench) -> Section:
    """Measure it. It has a section of its own, so that its figures keep their own date."""
    return memory.measure(bench, "large", "Memory, to 50 million rows", _ROWS)
