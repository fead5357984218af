"""Writing a new configuration file."""

import os
from pathlib import Path

from maintcli.errors import ConfigError, Usage


def write_new(path: Path, text: str, *, force: bool) -> None:
    """Write `text` to `path`, whole or not at all; an existing file is replaced only by `force`.

    Raises Usage where it exists, ConfigError where it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if force:
            beside.write_text(text, encoding="utf-8")
            beside.replace(path)
        else:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except FileExistsError:
        raise Usage(reason=f"{path} exists and was left as it is; --force overwrites it.") from None
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ConfigError(reason=f"{path} cannot be written: {error.strerror}.") from None
