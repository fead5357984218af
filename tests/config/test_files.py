"""Files are written whole or not at all, and never through what someone else has put there."""

import os
from pathlib import Path

import pytest

from maintcli.config import files


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """Nothing else is left beside it."""
    path = tmp_path / "file"
    _ = path.write_text("old")
    files.replace(path, "new")
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [("file", "new")]


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
