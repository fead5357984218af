"""The folder of an embedded PostgreSQL: which one it is, what lies in it, and its file locks.

The kernel releases a lock when its holder dies, however it dies.
"""

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from errno import EACCES, EAGAIN
from pathlib import Path

from maintcli.errors import ConfigError, Unreachable

USERS = "users.lock"
"""Held shared by every process that uses the server."""
START = "start.lock"
"""Held while a process checks whether the server runs, and starts it."""
GUARD = "guard.lock"
"""Held by the guard as long as it lives."""
DATA = "data"
"""PostgreSQL's own folder."""
LOG = "server.log"
"""What initdb and the server said since the last start."""
RECORD = "server"
"""Where the socket is; a second line says `ready`."""

PORT = "5432"
SOCKET = f".s.PGSQL.{PORT}"
READY, TAKEN = "ready", "taken"
"""What a guard answers; anything else is what went wrong."""

DEFAULT_PARENT = Path("/var/tmp")  # noqa: S108 (a folder per user, refused if another owns it)
WAIT_SECONDS = 150.0
"""How long to wait for another process that starts or stops the server."""

_joined: dict[Path, int] = {}


def unusable(reason: str) -> ConfigError:
    """The error for a folder, package or system that cannot serve."""
    return ConfigError(f"The embedded PostgreSQL cannot be used: {reason}.")


def unreachable(reason: str) -> Unreachable:
    """The error for a server that does not start, or does not answer."""
    return Unreachable(f"The database cannot be reached: {reason}.")


def prepare(text: str) -> Path:
    """The absolute folder for `text` (blank: one per user), made if it is missing."""
    folder = _named(text) if text else _default()
    with suppress(FileExistsError):
        _make(folder)
    _check(folder)
    return folder


def _named(text: str) -> Path:
    if not text.isprintable():
        raise unusable(f"the path {text!r} holds a control character")
    try:
        return Path(text).expanduser().resolve()
    except RuntimeError as error:  # no home folder, or a loop of symbolic links
        raise unusable(f"{text}: {error}") from None


def _default() -> Path:
    folder = DEFAULT_PARENT / f"maint-embedded-{os.geteuid()}"
    if folder.is_symlink():
        raise unusable(f"{folder} is a symbolic link, which someone else may have made")
    return folder


def _make(folder: Path) -> None:
    # The server of root runs as another user, who must be able to pass through.
    mode = 0o711 if os.geteuid() == 0 else 0o700
    try:
        folder.mkdir(mode)
        folder.chmod(mode)
    except FileExistsError:
        raise
    except FileNotFoundError:
        raise unusable(f"{folder.parent} does not exist") from None
    except OSError as error:
        raise unusable(f"{folder} cannot be made: {error.strerror}") from None


def _check(folder: Path) -> None:
    """Refuse what is not a folder, belongs to another user, or holds other files."""
    try:
        owner = folder.stat().st_uid
    except OSError as error:
        raise unusable(f"{folder} cannot be read: {error.strerror}") from None
    if not folder.is_dir():
        raise unusable(f"{folder} is a file, not a folder")
    if owner != os.geteuid():
        raise unusable(f"{folder} belongs to another user (uid {owner})")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise unusable(f"{folder} is not writable")
    if not (folder / USERS).exists() and any(folder.iterdir()):
        raise unusable(f"{folder} holds other files; name an empty or a new folder")


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
    """Whether a guard runs. Call it under `starting`, else our lock may stop a new guard."""
    fd = _open(folder / GUARD)
    try:
        return not _taken(fd, fcntl.LOCK_EX, folder)
    finally:
        os.close(fd)


def _is_current(folder: Path) -> bool:
    """Whether our lock is on the current file: the folder may have been replaced."""
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
    deadline = time.monotonic() + WAIT_SECONDS
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


def _forget_locks() -> None:
    """Drop the locks in a forked child: closing its copies leaves those of the parent held."""
    while _joined:
        os.close(_joined.popitem()[1])


os.register_at_fork(after_in_child=_forget_locks)
