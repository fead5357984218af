"""Small text files: who may own and write those that are read, and writing one as a whole."""

import errno
import os
import stat
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from maintcli.config.messages import word
from maintcli.errors import ConfigError, Usage

_LARGEST: Final = 1 << 20  # bytes

Check = Callable[[int, os.stat_result], None]
"""Looks at the opened file (descriptor, status) and raises ConfigError when it is not trusted."""


def read_named(path: Path, name: str, check: Check | None = None) -> str:
    """The text of a file that the user named; a pipe or /dev/null will do.

    `name` is how messages call it, e.g. `--config prod.toml`. Raises ConfigError.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise ConfigError(f"{name}: there is no file {path.absolute()}; check the path.") from None
    except OSError as error:
        raise _unreadable(name, error) from None
    return _read(descriptor, name, check)


def read_found(
    path: Path, name: str, check: Check | None = None, *, skip_directory: bool = False
) -> str | None:
    """The text of a file at its usual place, or None where there is none. Raises ConfigError."""
    try:
        # Not blocking, so that a pipe which another user put here cannot stop the run.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        if path.is_symlink():
            raise ConfigError(
                f"{name}: is a link to a file that does not exist; repair or remove it."
            ) from None
        return None
    except OSError as error:
        raise _unreadable(name, error) from None
    if skip_directory and stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return _read(descriptor, name, check, regular=True)


def _unreadable(name: str, error: OSError) -> ConfigError:
    """The error for a file that is there and does not open."""
    why = error.strerror or type(error).__name__
    return ConfigError(f"{name}: cannot be read ({why}); let the user that runs maint read it.")


def _read(descriptor: int, name: str, check: Check | None, *, regular: bool = False) -> str:
    status = os.fstat(descriptor)
    if stat.S_ISDIR(status.st_mode):
        os.close(descriptor)
        raise ConfigError(f"{name}: is a directory; name a file instead.")
    with os.fdopen(descriptor, "rb") as file:
        if regular and not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"{name}: is not a regular file; remove it.")
        if check is not None:
            check(descriptor, status)
        return _decode(_bytes(file, name), name)


def _bytes(file: BinaryIO, name: str) -> bytes:
    try:
        raw = file.read(_LARGEST + 1)
    except OSError as error:
        raise _unreadable(name, error) from None
    if len(raw) > _LARGEST:
        raise ConfigError(f"{name}: is larger than 1 MiB; name the right file.")
    return raw


def _decode(raw: bytes, name: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{name}: line {line} is not UTF-8; save the file as UTF-8.") from None


def write_new(path: Path, text: str, *, force: bool = False, advice: str = "") -> None:
    """Write `text` to `path`; an existing file is replaced only by `force`, and then as a whole.

    Raises Usage where it exists, with `advice`, ConfigError where it cannot be written.
    """
    try:
        if force:
            replace(path, text)
        else:
            with _beside(path, text) as beside:
                os.link(beside, path)  # which no file of that name survives, unlike a rename
    except FileExistsError:
        raise Usage(f"{path} exists and was left as it is.{advice}") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from None


def replace(path: Path, text: str) -> None:
    """Put a file with this text in the place of `path`. Raises OSError.

    It keeps the mode of the file that was there. Where `path` is a link, it stays one.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():  # /dev/stdout is a link, and must stay one
        raise OSError(errno.EINVAL, "it is not a regular file")
    with _beside(path, text) as beside:
        if path.exists():
            beside.chmod(stat.S_IMODE(path.stat().st_mode))
        beside.replace(path)


@contextmanager
def _beside(path: Path, text: str) -> Generator[Path]:
    """A file with this text, on the disk, under a new name that no one can guess."""
    from secrets import token_hex  # imports hashlib

    beside = path.with_name(f".{path.name[:200]}.{token_hex(8)}")
    with beside.open("x", encoding="utf-8") as file:
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            yield beside
        finally:
            beside.unlink(missing_ok=True)


def check_env_file(
    path: Path, name: str, descriptor: int, status: os.stat_result, *, named: bool
) -> None:
    """Refuse an env file that others can write, or that is another user's and was not named.

    Raises ConfigError. Naming a file with --env-file is consent to its owner, never to writers.
    """
    if _others_can_write(descriptor, status):
        mode = stat.S_IMODE(status.st_mode)
        raise ConfigError(
            f"{name}: other users can write this file (mode {mode:04o}), so it is not read, "
            f"with or without --env-file; check what it says, then run: chmod go-w {word(path)}"
        )
    owners = {status.st_uid, path.lstat().st_uid}
    if not named and owners != {os.geteuid()}:
        raise ConfigError(
            f"{name}: the file in the working directory belongs to {_user(owners)}, not to "
            f"{_user({os.geteuid()})} who runs maint, so it is not read; check what it says, then "
            f"name it: --env-file {word(path.name)}"
        )


def check_config_file(path: Path, name: str, descriptor: int, status: os.stat_result) -> None:
    """Refuse a maint.toml in the working directory that others can write, or own.

    It, and a link to it, may belong to the user who runs maint, to root, or to the owner of its
    directory, which is the usual case in a container that runs as root; in /tmp that leaves only
    one's own. Raises ConfigError. Naming it with --config is consent.
    """
    if _others_can_write(descriptor, status):
        raise ConfigError(
            f"{name}: other users can write the file in the working directory (mode "
            f"{stat.S_IMODE(status.st_mode):04o}), so it is not read; check what it says, then "
            f"run: chmod go-w {word(path.name)}"
        )
    strangers = {status.st_uid, path.lstat().st_uid} - {os.geteuid(), 0, path.parent.stat().st_uid}
    if strangers:
        raise ConfigError(
            f"{name}: the file in the working directory belongs to {_user(strangers)}, who "
            "owns neither the directory nor this run; check what it says, then name it: --config "
            f"{word(path.name)}"
        )


def config_file_warnings(
    path: Path, name: str, descriptor: int, status: os.stat_result
) -> tuple[str, ...]:
    """What should be said about a maint.toml that was named."""
    if not _others_can_write(descriptor, status):
        return ()
    mode = stat.S_IMODE(status.st_mode)
    risk = f"other users can write this file (mode {mode:04o}), and so decide what maint does"
    return (f"{name}: {risk}; run: chmod go-w {word(path)}",)


def distrusted(*found: os.stat_result) -> str:
    """Why this user should not write to a file or folder at its usual place, or blank.

    `found` is a folder and a link to it, or a file. A group may share it: a volume in Kubernetes
    belongs to root and the group of its pod.
    """
    owners = {status.st_uid for status in found} - {os.geteuid(), 0}
    if owners:
        return f"belongs to {_user(owners)}"
    if any(not stat.S_ISLNK(one.st_mode) and one.st_mode & stat.S_IWOTH for one in found):
        return "can be written to by every user"
    return ""


def _others_can_write(descriptor: int, status: os.stat_result) -> bool:
    if stat.S_ISCHR(status.st_mode):
        return False  # /dev/null and terminals: what is written there is not read back
    if status.st_mode & stat.S_IWOTH:
        return True
    return bool(status.st_mode & stat.S_IWGRP) and not _is_private_group(descriptor, status)


def _is_private_group(descriptor: int, status: os.stat_result) -> bool:
    """Whether the group is the owner's own, as distributions with umask 002 set it up."""
    import grp
    import pwd

    if sys.platform == "linux" and "system.posix_acl_access" in os.listxattr(descriptor):
        return False  # the group bits are then the mask of an ACL that may name anyone
    try:
        owner, group = pwd.getpwuid(status.st_uid), grp.getgrgid(status.st_gid)
    except KeyError:
        return False
    return (
        owner.pw_gid == group.gr_gid
        and owner.pw_name == group.gr_name
        and set(group.gr_mem) <= {owner.pw_name}
    )


def _user(uids: set[int]) -> str:
    import pwd

    uid = min(uids - {os.geteuid()} or uids)
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user {uid}"
