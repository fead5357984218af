"""Daemons of the tests: started as the server's user, and gone when the tests are gone."""

import signal
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypedDict

from maintcli.devserver.programs import User


class Identity(TypedDict, total=False):
    """The arguments of `subprocess` that change the user."""

    user: int
    group: int
    extra_groups: list[int]


def identity(user: User | None) -> Identity:
    """As arguments for `subprocess`: that user and no further groups; nothing for ourselves."""
    return Identity(user=user.uid, group=user.gid, extra_groups=[]) if user else Identity()


@contextmanager
def daemon(
    command: Sequence[str | Path], log: Path, user: User | None = None
) -> Generator[subprocess.Popen[bytes]]:
    """Run a daemon as `user`; its words go to `log`.

    At the end it gets SIGINT, after ten seconds SIGKILL. A second, tiny process does the former
    if this one is killed (PR_SET_PDEATHSIG would bind the daemon to the thread that called us).
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            **identity(user),
        )
    watcher = subprocess.Popen(
        ["sh", "-c", f"read -r word || kill -INT {process.pid}"], stdin=subprocess.PIPE
    )
    try:
        yield process
    finally:
        end(process, signal.SIGINT)
        watcher.kill()
        watcher.communicate()


def end(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send that signal and wait; SIGKILL after ten seconds."""
    process.send_signal(number)
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
    process.kill()
    process.wait()


def run_as(user: User | None, command: Sequence[str | Path]) -> None:
    """Run a program to its end as `user`; fail with what it said."""
    done = subprocess.run(
        [str(part) for part in command],
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        **identity(user),
    )
    assert done.returncode == 0, f"{command[0]} failed: {done.stderr}"
