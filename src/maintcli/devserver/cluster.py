"""The guard's view of one embedded PostgreSQL: its paths, its user, its processes."""

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from maintcli.devserver.layout import DATA, LOG, RECORD

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None

PROCESS_FILE = "postmaster.pid"
Process = subprocess.Popen[bytes]


class StartError(Exception):
    """The server cannot be started, for the reason given."""


class Cluster:
    """One folder with its data, its programs, and the user who owns and runs it."""

    def __init__(self, order: str) -> None:
        """Read the order that start.py writes."""
        told = json.loads(order)
        self.folder: Path = Path(told["folder"])
        self.programs: Path = Path(told["programs"])
        self.sockets: Path = Path(told["sockets"])
        self.owner: tuple[int, int] | None = told["owner"] and tuple(told["owner"])
        self.settings: dict[str, str] = told["settings"]
        self.temporary: bool = told["temporary"]
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
        """Start a program that ends with us, even when we are killed; its words go to the log."""
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

    def last_words(self) -> str:
        """Why a program gave up, from the log."""
        lines = self.log.read_text(errors="replace").split("\n")
        for mark in ("FATAL: ", "error: "):
            for line in reversed(lines):
                if mark in line:
                    return line.partition(mark)[2].strip()
        return " ".join("\n".join(lines).split())[-200:] or "it said nothing"


def _ending_with(parent: int) -> Callable[[], None]:
    """What a child does before it starts its program: ask to be told when `parent` dies."""

    def ask() -> None:
        if _LIBC:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return ask
