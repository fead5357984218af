"""Where it was measured."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path


def circumstances(server: str, size: str) -> str:
    """One line: machine, versions, date and how long a run it was."""
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} ({size}): {os.cpu_count()} cores,"
        f" {_cpu()}, {_memory()}, {platform.system()} {platform.release()},"
        f" Python {platform.python_version()}, {server}."
    )


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
