"""Writing a new configuration file."""

import os
from pathlib import Path

from maintcli.errors import ConfigError, Usage

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def write_new(path: Path, text: str, *, force: bool = False, advice: str = "") -> None:
    """Write `text` to `path`; an existing file is replaced only by `force`, and then as a whole.

    Raises Usage where it exists, with `advice`, ConfigError where it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if force:
            beside.write_text(text, encoding="utf-8")
            beside.replace(path)
        else:
            with os.fdopen(os.open(path, _NEW, 0o644), "w", encoding="utf-8") as file:
                file.write(text)
    except FileExistsError:
        raise Usage(reason=f"{path} exists and was left as it is.{advice}") from None
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ConfigError(reason=f"{path} cannot be written: {error.strerror}.") from None
