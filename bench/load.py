"""An application beside the sweep: pgbench at a steady rate, every transaction's latency kept."""

import subprocess
import time
from collections import defaultdict
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.command import FailedError, environment, output
from bench.rounds import quantile
from bench.server import BenchServer
from bench.sessions import Shape

_CLIENTS = ("--client=4", "--jobs=1", "--no-vacuum")
_READ = """\
\\set i random({first}, {last})
SELECT access_key FROM active_sessions WHERE session_id = md5((:i)::text);
"""
_HEARTBEAT = """\
\\set i random({first}, {last})
UPDATE active_sessions SET last_heartbeat = now() WHERE session_id = md5((:i)::text);
"""
_QUARTER = 0.25  # seconds
KINDS = {"reads": _READ, "heartbeats": _HEARTBEAT}
"""What the application does, always on sessions that are alive."""


@dataclass(frozen=True)
class Window:
    """What the application saw in a stretch of time; p99 is in milliseconds, from due to done."""

    p99: float
    per_second: float


@dataclass(frozen=True)
class Load:
    """A running pgbench; its log has a line for each transaction."""

    log: Path

    def window(self, begin: float, end: float) -> Window:
        """The transactions that ended between two times (Unix seconds)."""
        quarters: dict[int, list[float]] = defaultdict(list)
        for when, ms in self._transactions():
            if begin <= when < end:
                quarters[int((when - begin) / _QUARTER)].append(ms)
        if not quarters:
            raise FailedError("pgbench logged nothing in that time")
        done = sum(map(len, quarters.values()))
        return Window(_usual_p99(list(quarters.values())), done / (end - begin))

    def _transactions(self) -> Generator[tuple[float, float]]:
        for path in self.log.parent.glob(f"{self.log.name}.*"):
            for line in path.read_text().splitlines()[:-1]:  # the last one may be cut short
                words = line.split()
                yield int(words[4]) + int(words[5]) / 1e6, int(words[2]) / 1000


def _usual_p99(quarters: Sequence[Sequence[float]]) -> float:
    """The middle one of the p99s of the quarters of a second.

    A processor that the host takes away for 20 ms makes one p99 over some seconds; of the quarters
    it spoils one. What a sweep does to the application it does in every quarter.
    """
    return median(quantile(each, 0.99) for each in quarters)


def most(server: BenchServer, database: str, script: Path, seconds: float) -> float:
    """Transactions a second, as fast as it goes."""
    command = [*_command(server, database, script), f"--time={seconds:.0f}"]
    line = next(line for line in output(command).splitlines() if line.startswith("tps"))
    return float(line.split()[2])


@contextmanager
def running(
    server: BenchServer, database: str, script: Path, rate: float, log: Path
) -> Generator[Load]:
    """The application at `rate` transactions a second, until the block ends."""
    limits = [f"--rate={rate:.0f}", "--time=3600", "--log", f"--log-prefix={log}"]
    process = subprocess.Popen(
        [*_command(server, database, script), *limits],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(1)
        yield Load(log)
        if process.poll() is not None:
            raise FailedError("pgbench ended before its time")
    finally:
        process.terminate()
        process.wait()


def write_script(kind: str, shape: Shape, path: Path) -> None:
    """The script of pgbench for what the application does."""
    path.write_text(KINDS[kind].format(first=shape.stale + 1, last=shape.rows))


def _command(server: BenchServer, database: str, script: Path) -> Sequence[str]:
    return [*server.program("pgbench", database), *_CLIENTS, f"--file={script}"]
