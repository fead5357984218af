"""What the processors did for others: for other machines on this host, and for other programs."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import psutil

_KERNEL = 2  # kthreadd: the kernel's own threads write, among others, what we gave them to write


class Process(NamedTuple):
    """Processor seconds of a process, and of those below it that have ended."""

    parent: int
    own: float
    ended: float


class Reading(NamedTuple):
    """What the meters of the machine's processes and processors say at one time."""

    processes: Mapping[int, Process]
    stolen: float
    all: float


_UNBORN = Process(0, 0.0, 0.0)


def read() -> Reading:
    """Read the meters."""
    processes: dict[int, Process] = {}
    for process in psutil.process_iter(["ppid", "cpu_times"]):
        if (used := process.info["cpu_times"]) is not None:
            own, ended = used.user + used.system, used.children_user + used.children_system
            processes[process.pid] = Process(process.info["ppid"], own, ended)
    times = psutil.cpu_times()
    return Reading(processes, getattr(times, "steal", 0.0), sum(times))


def lost(before: Reading, after: Reading, ours: Iterable[int]) -> float:
    """The share of the processors' time that others had, from 0 to 1.

    `ours` are processes that, with all below them, are us.
    """
    us = {*ours, _KERNEL}
    others = _used_by_others(before.processes, after.processes, us)
    share = (others + after.stolen - before.stolen) / max(after.all - before.all, 0.01)
    return min(1.0, max(0.0, share))  # the meters are not read all at once


def _used_by_others(
    before: Mapping[int, Process], after: Mapping[int, Process], us: set[int]
) -> float:
    """What a process used that has ended is its parent's, as far as that has asked after it."""
    earlier: dict[int, float] = defaultdict(float)
    for pid, process in before.items():
        if pid not in after:
            earlier[process.parent] += process.own + process.ended
    total = 0.0
    for pid, now in after.items():
        if us.isdisjoint(_line(pid, after)):
            then = before.get(pid, _UNBORN)
            total += now.own - then.own + max(0.0, now.ended - then.ended - earlier[pid])
    return total


def _line(pid: int, processes: Mapping[int, Process]) -> Iterable[int]:
    """A process and all above it."""
    while pid in processes:
        yield pid
        pid = processes[pid].parent
