"""One recorded sweep: its batches, its memory, its time."""

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bench.command import run

_RECORDED = Path(__file__).with_name("recorded.py")


class Batch(NamedTuple):
    """`units` are blocks (heap plan) or rows (index plan); times are milliseconds.

    `server_ms` is the engine's own figure, up to its COMMIT; `wall_ms` has the COMMIT, the way
    there and back, and the client's share.
    """

    units: float
    server_ms: float
    wall_ms: float
    target_ms: float


@dataclass(frozen=True)
class Recorded:
    """What a sweep left behind; it worked from `began` to `ended` (Unix seconds)."""

    batches: list[Batch]
    peak_mib: float
    deleted: int
    plan: str
    seconds: float
    began: float
    ended: float

    def __str__(self) -> str:
        return f"{self.work_seconds:.3f} s, {len(self.batches)} batches, {self.plan} plan"

    @property
    def work_seconds(self) -> float:
        """From the beginning of the first batch to the end of the last."""
        return self.ended - self.began


def record(dsn: str, job: Callable[..., list[str | Path]], *options: str) -> Recorded:
    """Sweep with `options`, recorded; `job` makes the command."""
    with tempfile.TemporaryDirectory(prefix="maint-bench-") as folder:
        result = Path(folder) / "result.json"
        program = (sys.executable, _RECORDED, result)
        ran = run(job("--json", *options, program=program), {"DATABASE_URL": dsn})
        found, report = json.loads(result.read_text()), json.loads(ran.text)
    batches = [Batch(*batch) for batch in found["batches"]]
    return Recorded(
        batches=batches,
        peak_mib=found["peak_mib"],
        deleted=report["deleted_count"],
        plan=report["plan"],
        seconds=ran.seconds,
        began=found["work"][0],
        ended=found["work"][1],
    )
