"""How much is measured: a short try, the usual run, or the long one."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Rows, rounds and seconds of every measurement."""

    name: str
    rows: int
    fewer_rows: int  # where the length of a sweep matters little
    load_seconds: float
    rounds: int
    starts: int
    again: int  # how often at most a measurement that others disturbed
    memory_rows: tuple[int, ...]


QUICK = Scale(
    name="quick",
    rows=1_000_000,
    fewer_rows=500_000,
    load_seconds=3,
    rounds=1,
    starts=7,
    again=0,
    memory_rows=(10_000, 1_000_000),
)
USUAL = Scale(
    name="usual",
    rows=5_000_000,
    fewer_rows=2_000_000,
    load_seconds=4,
    rounds=3,
    starts=21,
    again=3,
    memory_rows=(10_000, 100_000, 1_000_000, 5_000_000),
)
FULL = Scale(
    name="full",
    rows=5_000_000,
    fewer_rows=5_000_000,
    load_seconds=8,
    rounds=5,
    starts=21,
    again=3,
    memory_rows=(10_000, 100_000, 1_000_000, 5_000_000),
)
SCALES = {scale.name: scale for scale in (QUICK, USUAL, FULL)}
