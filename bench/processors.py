"""What the processors did for others: for other machines on this host, and for other programs."""

from collections.abc import Iterable
from typing import NamedTuple

import psutil

_KERNEL = 2  # kthreadd: the kernel's own threads write, among others, what we gave them to write


class Reading(NamedTuple):
    """Processor seconds that went to others since the start of the machine, and all there were."""

    others: float
    all: float


def read(ours: Iterable[int]) -> Reading:
    """What stands on the meters now. `ours` are processes that, with all below them, are us."""
    parents: dict[int, int] = {}
    used: dict[int, float] = {}
    for process in psutil.process_iter(["ppid", "cpu_times"]):
        if process.info["cpu_times"] is not None:
            parents[process.pid] = process.info["ppid"]
            used[process.pid] = sum(process.info["cpu_times"][:4])  # with children that have ended
    times = psutil.cpu_times()
    others = of_others(used, parents, {*ours, _KERNEL})
    return Reading(others + getattr(times, "steal", 0.0), sum(times))


def of_others(used: dict[int, float], parents: dict[int, int], us: set[int]) -> float:
    """The sum of what was used by processes that are not `us` nor below."""
    return sum(used[pid] for pid in used if us.isdisjoint(_line(pid, parents)))


def lost(before: Reading, after: Reading) -> float:
    """The share of the processors' time that others had, from 0 to 1."""
    share = (after.others - before.others) / max(after.all - before.all, 0.01)
    return min(1.0, max(0.0, share))  # the meters are not read all at once


def _line(pid: int, parents: dict[int, int]) -> Iterable[int]:
    """A process and all above it."""
    while pid:
        yield pid
        pid = parents.get(pid, 0)
