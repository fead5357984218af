"""How much is measured: a short try, the usual run, or the long one."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Rows, rounds and seconds of every measurement."""

    name: str
    rows: int
    load_rows: int
    load_seconds: float
    rounds: int
    starts: int
    memory_rows: tuple[int, ...]


QUICK = Scale(
    name="quick",
    rows=1_000_000,
    load_rows=500_000,
    load_seconds=3,
    rounds=1,
    starts=7,
    memory_rows=(10_000, 1_000_000),
)
USUAL = Scale(
    name="usual",
    rows=5_000_000,
    load_rows=2_000_000,
    load_seconds=6,
    rounds=5,
    starts=31,
    memory_rows=(10_000, 100_000, 1_000_000, 5_000_000),
)
FULL = Scale(
    name="full",
    rows=5_000_000,
    load_rows=3_000_000,
    load_seconds=8,
    rounds=5,
    starts=31,
    memory_rows=(10_000, 100_000, 1_000_000, 5_000_000, 50_000_000),
)
SCALES = {scale.name: scale for scale in (QUICK, USUAL, FULL)}
