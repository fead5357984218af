"""Where it was measured."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import psutil


def circumstances(server: str, size: str, data: Path) -> str:
    """One line: machine, versions, date, how long a run it was, and on what `data` lie."""
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} ({size}): {os.cpu_count()} cores,"
        f" {_cpu()}, {_memory()}, {platform.system()} {platform.release()},"
        f" Python {platform.python_version()}, {server}, data directory on {_file_system(data)}."
    )


def _file_system(data: Path) -> str:
    homes = {Path(p.mountpoint): p.fstype for p in psutil.disk_partitions(all=True)}
    kind = next(homes[home] for home in (data, *data.parents) if home in homes)
    return f"{kind} (in memory: no write waits for a disk)" if kind == "tmpfs" else kind


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except FileNotFoundError:
        return platform.processor() or platform.machine()
    found = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(found, platform.machine())


def _memory() -> str:
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{size / 2**30:.0f} GiB"
