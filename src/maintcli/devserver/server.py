"""Starting and stopping the server of an embedded PostgreSQL, as the guard's child."""

import signal
import subprocess
import time
from contextlib import suppress

from maintcli.devserver.cluster import Cluster, Process, StartError
from maintcli.devserver.layout import PORT, READY

READY_SECONDS = 60
STOP_SECONDS = 10
"""How long each way of stopping may take before the next, rougher one."""


def launch(cluster: Cluster) -> Process:
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
        stop(server)
        raise
    return server


def stop(server: Process) -> None:
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
    raise StartError(cluster.last_words())
