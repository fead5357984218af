"""Folders that the user who runs a server may enter."""

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from maintcli.devserver.programs import User, server_user


@contextmanager
def short_folder(prefix: str = "maint-test-") -> Generator[Path]:
    """A folder with a short path, removed afterwards, and entered by any user.

    Not below pytest's own: that one is closed to others, and too long for a Unix socket.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def hand_to_server(folder: Path) -> User | None:
    """Give the folder to the user who runs servers, and return that user; None for ourselves."""
    user = server_user()
    if user:
        os.chown(folder, user.uid, user.gid)
    return user
