"""Runs `maint` in this process and writes down each batch and the peak memory.

Usage: recorded.py RESULT.json ARGUMENTS…   It imports nothing else, since it measures memory.
"""

import json
import sys
import time
from pathlib import Path


def main(result: str, arguments: list[str]) -> int:
    """Run it; return its exit code."""
    from maintcli.cli.app import run
    from maintcli.engines.base.pacing import GROWTH, Pace

    batches: list[tuple[float, float, float, float]] = []
    learn = Pace.learn
    ends: list[float] = []

    def recording(
        pace: Pace, units: float, server_ms: float, wall_ms: float, fixed_ms: float = 0.0
    ) -> float:
        target = max(pace.target_ms, GROWTH * max(0.0, wall_ms - server_ms))
        batches.append((units, server_ms, wall_ms, target))
        ends.append(time.time())
        return learn(pace, units, server_ms, wall_ms, fixed_ms)

    Pace.learn = recording  # type: ignore[assignment,method-assign]
    code = run(arguments)
    began = ends[0] - batches[0][2] / 1000 if ends else 0.0
    work = (began, ends[-1] if ends else 0.0)
    found = {"batches": batches, "peak_mib": peak_mib(), "work": work}
    Path(result).write_text(json.dumps(found))
    return code


def peak_mib() -> float:
    """The most memory that was resident; not ru_maxrss, which counts what forked us as well."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
