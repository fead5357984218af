"""Writing a file whole or not at all."""

import errno
import os
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from maintcli.errors import ConfigError, Usage

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def write_new(path: Path, text: str, *, force: bool = False, advice: str = "") -> None:
    """Write `text` to `path`; an existing file is replaced only by `force`, and then as a whole.

    Raises Usage where it exists, with `advice`, ConfigError where it cannot be written.
    """
    try:
        if force:
            replace(path, text)
        else:
            with os.fdopen(os.open(path, _NEW, 0o644), "w", encoding="utf-8") as file:
                file.write(text)
    except FileExistsError:
        raise Usage(f"{path} exists and was left as it is.{advice}") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from None


def replace(path: Path, text: str) -> None:
    """Put a file with this text in the place of `path`. Raises OSError.

    The file beside it that becomes it has a name that is new and that no one can guess.
    """
    if path.exists() and not path.is_file():  # /dev/stdout is a link, and must stay one
        raise OSError(errno.EINVAL, "it is not a regular file")
    beside = path.with_name(f".{path.name[:200]}.{token_hex(8)}")
    with beside.open("x", encoding="utf-8") as file:
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            beside.replace(path)
        except BaseException:
            with suppress(OSError):
                beside.unlink()
            raise
