"""The folder of an embedded PostgreSQL: which one it is, and whether it may be used."""

import os
from contextlib import suppress
from pathlib import Path

from maintcli.devserver.layout import USERS, unusable

DEFAULT_PARENT = Path("/var/tmp")  # noqa: S108 (a folder per user, refused if another owns it)


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
        raise unusable(f"{folder} is a symbolic link, which someone else may have laid")
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
    """Refuse a folder that is no folder, is someone else's, or serves another purpose."""
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
