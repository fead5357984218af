"""Writing a file whole or not at all."""

import errno
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from maintcli.errors import ConfigError, Usage


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
        raise Usage(reason=f"{path} exists and was left as it is.{advice}") from None
    except OSError as error:
        raise ConfigError(reason=f"{path} cannot be written: {error.strerror}.") from None


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
    beside = path.with_name(f".{path.name[:200]}.{token_hex(8)}")
    with beside.open("x", encoding="utf-8") as file:
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            yield beside
        finally:
            beside.unlink(missing_ok=True)
