"""The file locks of an embedded PostgreSQL, as its users take them (see layout.py).

The kernel lets go of a lock when its holder dies, however it dies.
"""

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from errno import EACCES, EAGAIN
from pathlib import Path

from maintcli.devserver.layout import GUARD, START, USERS, unreachable, unusable

PATIENCE = 150.0
"""Seconds to wait for another process that starts or stops the server."""

_joined: dict[Path, int] = {}


def join(folder: Path) -> None:
    """Count this process among the users until it exits; waits while a server is stopping."""
    while not _is_current(folder):
        fd = _open(folder / USERS)
        _lock(fd, fcntl.LOCK_SH, folder)
        _joined[folder] = fd


@contextmanager
def starting(folder: Path) -> Generator[None]:
    """Hold the right to start the server."""
    fd = _open(folder / START)
    try:
        _lock(fd, fcntl.LOCK_EX, folder)
        yield
    finally:
        os.close(fd)


def guarded(folder: Path) -> bool:
    """Whether a guard lives; to be asked under `starting`, else the guard may meet our lock."""
    fd = _open(folder / GUARD)
    try:
        return not _taken(fd, fcntl.LOCK_EX, folder)
    finally:
        os.close(fd)


def _is_current(folder: Path) -> bool:
    """Whether our lock is on the file that is there now: the folder may have been made anew."""
    fd = _joined.get(folder)
    if fd is None:
        return False
    try:
        if os.path.samestat(os.fstat(fd), (folder / USERS).stat()):
            return True
    except FileNotFoundError:
        pass
    os.close(_joined.pop(folder))
    return False


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise unusable(f"{path} cannot be opened: {error.strerror}") from None


def _lock(fd: int, kind: int, folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not _taken(fd, kind, folder):
        if time.monotonic() > deadline:
            reason = f"another process has been starting or stopping {folder} for too long"
            raise unreachable(reason)
        time.sleep(0.01)


def _taken(fd: int, kind: int, folder: Path) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (EACCES, EAGAIN):
            return False
        reason = f"files in {folder} cannot be locked ({error.strerror}); use a local disk"
        raise unusable(reason) from None
    return True


def _leave() -> None:
    """Forget the locks in a forked child: closing its copies leaves them to the parent."""
    while _joined:
        os.close(_joined.popitem()[1])


os.register_at_fork(after_in_child=_leave)
