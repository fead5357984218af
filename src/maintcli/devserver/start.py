"""Finding the running server of a folder, and having a guard start one."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from maintcli.devserver.folder import (
    DATA,
    READY,
    RECORD,
    SOCKET,
    TAKEN,
    guarded,
    unreachable,
    unusable,
)
from maintcli.devserver.programs import User, major, runnable

SECONDS = 120
"""How long initdb, recovery and start may take together."""

_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
# Appended, so that nothing installed beside us can hide a module of the standard library.
_GUARD = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from maintcli.devserver.guard import main; main(sys.argv[2])"
)
_BASE_SETTINGS = {"listen_addresses": "", "timezone": "UTC", "log_timezone": "UTC"}


def running(folder: Path) -> str | None:
    """The socket folder of the server that runs there; None when no guard keeps one."""
    deadline = time.monotonic() + SECONDS
    while guarded(folder):
        found = _ready_socket(folder)
        if found and _answers(found):
            return found
        if time.monotonic() > deadline:
            reason = f"the embedded PostgreSQL of {folder} runs and cannot be reached from here"
            raise unreachable(reason)
        time.sleep(0.01)  # it is starting, stopping, or has just died
    return None


def start(
    folder: Path,
    bin_dir: Path,
    user: User | None,
    settings: Mapping[str, str],
    *,
    temporary: bool,
) -> str:
    """Start a guard with its server and return the socket folder; to be called under the lock."""
    _require_same_version(folder, major(bin_dir))
    sockets = _socket_folder()
    order = {
        "folder": str(folder),
        "programs": str(runnable(bin_dir, user)),
        "sockets": sockets,
        "owner": (user.uid, user.gid) if user else None,
        "settings": {**_BASE_SETTINGS, **settings},
        "temporary": temporary,
    }
    answer = _guard(json.dumps(order))
    if answer == TAKEN and (found := running(folder)):
        return found  # an earlier start was killed, but not its guard
    if answer != READY:
        reason = answer or "its guard died"
        raise unreachable(f"the embedded PostgreSQL in {folder} did not start: {reason}")
    return sockets


def _guard(order: str) -> str:
    """Run the guard and return its one line: `ready`, or why not."""
    command = [sys.executable, "-I", "-S", "-c", _GUARD, str(Path(__file__).parents[2]), order]
    # Nothing else is handed on: the server outlives us, and variables hold secrets.
    variables = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    with subprocess.Popen(  # noqa: S603 (the order is an argument, no shell sees it)
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={**variables, "LC_ALL": "C"},
        start_new_session=True,
        text=True,
    ) as process:
        try:
            return process.communicate(timeout=SECONDS)[0].strip()
        except subprocess.TimeoutExpired:
            return f"not ready after {SECONDS} s"


def _socket_folder() -> str:
    """A fresh, short name: the path of a Unix socket has some hundred bytes at most."""
    for parent in ("/tmp", "/var/tmp", "/dev/shm"):  # noqa: S108 (the guard makes it, or fails)
        if os.access(parent, os.W_OK | os.X_OK):
            return f"{parent}/maint-{secrets.token_hex(6)}"
    raise unusable("neither /tmp nor /var/tmp can be written, and its socket goes there")


def _ready_socket(folder: Path) -> str | None:
    try:
        lines = (folder / RECORD).read_text().split("\n")
    except FileNotFoundError:
        return None
    return lines[0] if lines[1:] == [READY, ""] else None


def _answers(sockets: str) -> bool:
    with closing(socket.socket(socket.AF_UNIX)) as probe:
        return probe.connect_ex(f"{sockets}/{SOCKET}") == 0


def _require_same_version(folder: Path, version: int) -> None:
    try:
        found = (folder / DATA / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        return
    if found != str(version):
        reason = (
            f"{folder} holds data of PostgreSQL {found}, and the programs are version {version}"
        )
        raise unusable(f"{reason}; name another folder")
