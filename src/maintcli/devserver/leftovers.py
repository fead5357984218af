"""Tidying up, after this guard and after an earlier one that was killed."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from maintcli.devserver.cluster import PROCESS_FILE, Cluster, StartError
from maintcli.devserver.layout import SOCKET

PATIENCE = 30
"""Seconds that the server of an earlier guard may take to end."""


def clear(cluster: Cluster) -> None:
    """See to it that nothing of an earlier server is left."""
    _end_previous(cluster)
    _disown(cluster)
    with suppress(FileNotFoundError):
        remove_sockets(cluster, Path(cluster.record.read_text().split("\n")[0]))


def remove_sockets(cluster: Cluster, folder: Path) -> None:
    """Remove the socket folder, what a killed server left in it, and the record of it."""
    with suppress(OSError):
        (folder / SOCKET).unlink(missing_ok=True)
        (folder / f"{SOCKET}.lock").unlink(missing_ok=True)
        folder.rmdir()
    cluster.record.unlink(missing_ok=True)


def _end_previous(cluster: Cluster) -> None:
    deadline = time.monotonic() + PATIENCE
    while (pid := _previous(cluster)) and _serves(pid, cluster.data):
        if time.monotonic() > deadline:
            raise StartError(f"process {pid} of an earlier start does not end")
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGINT)
        time.sleep(0.05)


def _disown(cluster: Cluster) -> None:
    """Let a dead server's process file not stand in the way of the next one.

    PostgreSQL takes any process of that number for a living server, also a zombie, or a stranger
    in a restarted container. The number of its own parent it knows to be no rival. The other
    lines stay: by them it finds out whether old backends still hold the shared memory.
    """
    if _previous(cluster):
        lines = [str(os.getpid()), *cluster.process_file()[1:]]
        fresh = cluster.folder / PROCESS_FILE  # root writes nothing in another user's folder
        fresh.write_text("\n".join(lines) + "\n")
        cluster.hand_over(fresh)
        fresh.replace(cluster.data / PROCESS_FILE)


def _previous(cluster: Cluster) -> str | None:
    lines = cluster.process_file()
    return lines[0] if lines and lines[0].isdigit() else None


def _serves(pid: str, data: Path) -> bool:
    """Whether that process is a living server of that data; a zombie has no command line."""
    if sys.platform == "linux":
        with suppress(OSError):
            return b"-D\0%b\0" % os.fsencode(data) in Path(f"/proc/{pid}/cmdline").read_bytes()
        return False
    command = ["ps", "-ww", "-o", "command=", "-p", pid]
    shown = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
    return f"-D {data} " in shown.stdout
