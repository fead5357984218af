"""The guard: a process that starts a private PostgreSQL and keeps it while it has users.

It is detached from the process that wanted the server and outlives it: it waits for the
exclusive lock on the users' file, which the kernel gives it when the last user has ended, in
whatever way. Then it stops the server and ends, still holding the lock, so that a newcomer waits
until all is done. When the guard itself is killed, the server ends too (see cluster.py).
"""

import fcntl
import os
import shutil
import threading
from contextlib import suppress
from pathlib import Path

from maintcli.devserver.cluster import Cluster, Process, StartError
from maintcli.devserver.initialise import initialise
from maintcli.devserver.layout import GUARD, READY, TAKEN, USERS
from maintcli.devserver.leftovers import clear, remove_sockets
from maintcli.devserver.server import launch, stop


def main(order: str) -> None:
    """Detach, start the server, say `ready` or why not on standard output, stay, tidy up."""
    if os.fork():
        os._exit(0)  # who started us reaps a child at once and never hears of us again
    cluster = Cluster(order)
    try:
        _lock(cluster.folder / GUARD, fcntl.LOCK_NB)
    except BlockingIOError:
        _report(TAKEN)
        return
    unused, trouble = threading.Event(), ""
    try:
        _serve(cluster, unused)
    except (StartError, OSError, ValueError) as error:
        trouble = str(error)
    remove_sockets(cluster, cluster.sockets)
    if trouble:
        _report(trouble)
    if cluster.temporary and unused.is_set():
        shutil.rmtree(cluster.folder, ignore_errors=True)


def _serve(cluster: Cluster, unused: threading.Event) -> None:
    clear(cluster)
    cluster.log.write_bytes(b"")
    initialise(cluster)
    process = launch(cluster)
    _report(READY)
    threading.Thread(target=_watch, args=(cluster, process, unused), daemon=True).start()
    process.wait()  # here, since the server ends with the thread that started it, see prctl(2)


def _watch(cluster: Cluster, process: Process, unused: threading.Event) -> None:
    _lock(cluster.folder / USERS)
    unused.set()
    stop(process)


def _lock(path: Path, how: int = 0) -> None:
    """Take the exclusive lock and keep it until this process ends."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    fcntl.flock(fd, fcntl.LOCK_EX | how)


def _report(words: str) -> None:
    """Say it to the process that waits, and close the line to it."""
    with suppress(BrokenPipeError):  # it was killed meanwhile; the users' lock will tell
        os.write(1, words.encode(errors="replace"))
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
