"""Reading a small text file that somebody named, or that lies in the working directory."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from maintcli.errors import ConfigError

_LARGEST: Final = 1 << 20

Judge = Callable[[int, os.stat_result], None]
"""Looks at the opened file (descriptor, status) and raises ConfigError when it is not trusted."""


def read_named(path: Path, name: str, judge: Judge | None = None) -> str:
    """The text of a file that the user named; a pipe or /dev/null will do.

    `name` is how messages call it, e.g. `--config prod.toml`. Raises ConfigError.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise ConfigError(f"{name}: there is no file {path.absolute()}; check the path.") from None
    except OSError as error:
        raise unreadable(name, error) from None
    return _read(descriptor, name, judge)


def read_found(
    path: Path, name: str, judge: Judge | None = None, *, skip_directory: bool = False
) -> str | None:
    """The text of a file that nobody named, or None where there is none. Raises ConfigError."""
    try:
        # Not blocking, so that a planted pipe cannot hold us up before we have looked at it.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        if path.is_symlink():
            raise ConfigError(
                f"{name}: is a link to a file that does not exist; mend or remove it."
            ) from None
        return None
    except OSError as error:
        raise unreadable(name, error) from None
    if skip_directory and stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return _read(descriptor, name, judge, regular=True)


def unreadable(name: str, error: OSError) -> ConfigError:
    """The error for a file that is there and does not open."""
    why = error.strerror or type(error).__name__
    return ConfigError(f"{name}: cannot be read ({why}); let the user that runs maint read it.")


def _read(descriptor: int, name: str, judge: Judge | None, *, regular: bool = False) -> str:
    status = os.fstat(descriptor)
    if stat.S_ISDIR(status.st_mode):
        os.close(descriptor)
        raise ConfigError(f"{name}: is a directory; name a file instead.")
    with os.fdopen(descriptor, "rb") as file:
        if regular and not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"{name}: is not a regular file; remove it.")
        if judge is not None:
            judge(descriptor, status)
        return _decode(_bytes(file, name), name)


def _bytes(file: BinaryIO, name: str) -> bytes:
    try:
        raw = file.read(_LARGEST + 1)
    except OSError as error:
        raise unreadable(name, error) from None
    if len(raw) > _LARGEST:
        raise ConfigError(f"{name}: is larger than 1 MiB; name the right file.")
    return raw


def _decode(raw: bytes, name: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{name}: line {line} is not UTF-8; save the file as UTF-8.") from None
