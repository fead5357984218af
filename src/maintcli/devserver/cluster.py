"""The guard's view of one embedded PostgreSQL: its paths, user, processes and leftovers."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from maintcli.devserver.folder import DATA, LOG, RECORD, SOCKET

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None

PROCESS_FILE = "postmaster.pid"
PREVIOUS_SECONDS = 30
"""How long the server of an earlier guard may take to end."""
Process = subprocess.Popen[bytes]


class StartError(Exception):
    """The server cannot be started, for the reason given."""


class Cluster:
    """One folder with its data, its programs, and the user who owns and runs it."""

    def __init__(self, order: str) -> None:
        """Read the order that start.py writes."""
        read = json.loads(order)
        self.folder: Path = Path(read["folder"])
        self.programs: Path = Path(read["programs"])
        self.sockets: Path = Path(read["sockets"])
        self.owner: tuple[int, int] | None = read["owner"] and tuple(read["owner"])
        self.settings: dict[str, str] = read["settings"]
        self.temporary: bool = read["temporary"]
        self.data: Path = self.folder / DATA
        self.log: Path = self.folder / LOG
        self.record: Path = self.folder / RECORD

    def mkdir(self, path: Path) -> None:
        """Make a folder that only the server's user can enter."""
        path.mkdir(0o700)
        self.hand_over(path)

    def hand_over(self, path: Path) -> None:
        """Let the server's user own it."""
        if self.owner:
            os.chown(path, *self.owner)

    def spawn(self, program: str, *arguments: str) -> Process:
        """Start a program that ends with us, even if we are killed; its output goes to the log."""
        uid, gid = self.owner or (None, None)
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603
                [str(self.programs / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_ending_with(os.getpid()),  # noqa: PLW1509 (there is one thread yet)
                user=uid,
                group=gid,
                extra_groups=[] if self.owner else None,
            )

    def process_file(self) -> list[str]:
        """The lines of PostgreSQL's postmaster.pid: number, folder, …, the eighth is its state."""
        try:
            text = (self.data / PROCESS_FILE).read_text(errors="replace")
        except FileNotFoundError:
            return []
        return [line.strip() for line in text.splitlines()]

    def last_message(self) -> str:
        """Why a program gave up, from the log."""
        lines = self.log.read_text(errors="replace").split("\n")
        for mark in ("FATAL: ", "error: "):
            for line in reversed(lines):
                if mark in line:
                    return line.partition(mark)[2].strip()
        return " ".join("\n".join(lines).split())[-200:] or "it said nothing"


def _ending_with(parent: int) -> Callable[[], None]:
    """What a child does before it starts its program: ask for a signal when `parent` dies."""

    def ask() -> None:
        if _LIBC:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return ask


def clear(cluster: Cluster) -> None:
    """Remove what an earlier guard that was killed has left: its server, its files."""
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
    deadline = time.monotonic() + PREVIOUS_SECONDS
    while (pid := _previous(cluster)) and _serves(pid, cluster.data):
        if time.monotonic() > deadline:
            raise StartError(f"process {pid} of an earlier start does not end")
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGINT)
        time.sleep(0.05)


def _disown(cluster: Cluster) -> None:
    """Keep a dead server's process file from stopping the next server.

    PostgreSQL takes any process with that id for a running server, even a zombie, or an unrelated
    one in a restarted container. It ignores the id of its own parent, so that is written there.
    The other lines stay: they tell it whether old backends still hold the shared memory.
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
