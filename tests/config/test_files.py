"""Files are written whole or not at all, and never through what someone else has put there."""

import errno
import os
from pathlib import Path

import pytest

from maintcli.config import files
from maintcli.errors import ConfigError


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """Nothing else is left beside it."""
    path = tmp_path / "file"
    _ = path.write_text("old")
    files.replace(path, "new")
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [("file", "new")]


def test_a_replaced_file_keeps_its_mode_and_a_link_stays_one(tmp_path: Path) -> None:
    """What its owner alone may read stays so."""
    path, link = tmp_path / "file", tmp_path / "link"
    _ = path.write_text("old")
    path.chmod(0o600)
    link.symlink_to("file")
    files.replace(link, "new")
    assert (link.is_symlink(), path.read_text(), path.stat().st_mode & 0o777) == (
        True,
        "new",
        0o600,
    )


def test_a_new_file_is_there_as_a_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full leaves nothing that the next command would find."""

    def full(_number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(ConfigError, match="cannot be written: No space left"):
        files.write_new(tmp_path / "file", "new")
    assert not [*tmp_path.iterdir()]


def test_a_planted_temporary_file_is_never_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if its name were guessed."""
    monkeypatch.setattr("secrets.token_hex", lambda _size: "guessed")
    victim = tmp_path / "victim"
    _ = victim.write_text("untouched")
    (tmp_path / ".file.guessed").symlink_to(victim)
    with pytest.raises(FileExistsError):
        files.replace(tmp_path / "file", "new")
    assert victim.read_text() == "untouched"


def test_a_pipe_or_a_device_stays_what_it_is(tmp_path: Path) -> None:
    """As root /dev/stdout would be replaced for all."""
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        with pytest.raises(OSError, match="not a regular file"):
            files.replace(path, "new")
    assert (pipe.is_fifo(), link.is_symlink()) == (True, True)
    assert sorted(found.name for found in tmp_path.iterdir()) == ["link", "pipe"]
