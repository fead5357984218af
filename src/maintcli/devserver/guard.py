"""The guard: a process that starts a private PostgreSQL and keeps it while it has users.

It is detached from the process that wanted the server and outlives it: it waits for the
exclusive lock on the users' file, which the kernel gives it when the last user has ended, in
whatever way. Then it stops the server and ends, still holding the lock, so that a newcomer waits
until all is done. When the guard itself is killed, the server ends too (see cluster.py).
"""

import fcntl
import locale
import os
import shutil
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

from maintcli.devserver.cluster import Cluster, Process, StartError, clear, remove_sockets
from maintcli.devserver.folder import GUARD, PORT, READY, TAKEN, USERS

READY_SECONDS = 60
STOP_SECONDS = 10
"""How long each way of stopping may take before the next, rougher one."""


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
    _initialise(cluster)
    process = _launch(cluster)
    _report(READY)
    threading.Thread(target=_watch, args=(cluster, process, unused), daemon=True).start()
    process.wait()  # here, since the server ends with the thread that started it, see prctl(2)


def _watch(cluster: Cluster, process: Process, unused: threading.Event) -> None:
    _lock(cluster.folder / USERS)
    unused.set()
    _stop(process)


def _lock(path: Path, how: int = 0) -> None:
    """Take the exclusive lock and keep it until this process ends."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    fcntl.flock(fd, fcntl.LOCK_EX | how)


def _report(words: str) -> None:
    """Say it to the process that waits, and close the line to it."""
    with suppress(BrokenPipeError):  # it was killed meanwhile; the users' lock will tell
        os.write(1, words.encode(errors="replace"))
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)


def _initialise(cluster: Cluster) -> None:
    """Run initdb under another name first, so that a kill leaves nothing half made."""
    if cluster.data.exists():
        return
    fresh = cluster.data.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    cluster.mkdir(fresh)
    how = ["-A", "trust", "-E", "UTF8", f"--locale={_locale()}", "--no-sync", "--no-instructions"]
    if cluster.spawn("initdb", *how, "-U", "postgres", "-D", str(fresh)).wait() != 0:
        raise StartError(cluster.last_message())
    fresh.rename(cluster.data)


def _locale() -> str:
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return "C"
    return "C.UTF-8"


def _launch(cluster: Cluster) -> Process:
    """Start the server and wait until it takes connections."""
    cluster.record.write_text(f"{cluster.sockets}\n")
    cluster.mkdir(cluster.sockets)
    settings = {"unix_socket_directories": str(cluster.sockets), **cluster.settings}
    options = [f"--{name}={value}" for name, value in settings.items()]
    server = cluster.spawn("postgres", "-D", str(cluster.data), "-p", PORT, *options)
    try:
        _stop_on_signals(server)
        _wait_until_ready(cluster, server)
        cluster.record.write_text(f"{cluster.sockets}\n{READY}\n")
    except BaseException:
        _stop(server)
        raise
    return server


def _stop(server: Process) -> None:
    """Stop the server: the fast way, then without a checkpoint, then by force."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        server.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            server.wait(STOP_SECONDS)
            return


def _stop_on_signals(server: Process) -> None:
    def end(_number: int, _frame: object) -> None:
        server.send_signal(signal.SIGINT)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)


def _wait_until_ready(cluster: Cluster, server: Process) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while server.poll() is None:
        lines = cluster.process_file()
        if lines[:1] == [str(server.pid)] and lines[7:8] == [READY]:
            return
        if time.monotonic() > deadline:
            raise StartError(f"not ready after {READY_SECONDS} s")
        time.sleep(0.01)
    raise StartError(cluster.last_message())
