"""Which .env is read, and which is not to be trusted."""

import os
import shlex
from pathlib import Path

import pytest

from maintcli.config.variables import Variables, read_variables
from maintcli.errors import ConfigError

STRANGER = 4242


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    """A .env of our own in the working directory."""
    path = tmp_path / ".env"
    _ = path.write_text("A=file\n")
    path.chmod(0o600)
    return path


def read(cwd: Path, named: str | None = None, **environ: str) -> Variables:
    """The variables as a command in `cwd` sees them."""
    return read_variables(environ, None if named is None else Path(named), cwd)


def refusal(cwd: Path, named: str | None = None) -> str:
    """The message with which the file is refused."""
    with pytest.raises(ConfigError) as caught:
        _ = read(cwd, named)
    return str(caught.value)


def other_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run as somebody who owns none of the files."""
    monkeypatch.setattr(os, "geteuid", lambda: STRANGER)


def test_env_of_the_working_directory_is_read(env_file: Path) -> None:
    """.env in the working directory counts, below the environment."""
    assert read(env_file.parent)["A"].value == "file"
    assert read(env_file.parent, A="env")["A"].value == "env"


def test_no_folder_above_is_searched(env_file: Path) -> None:
    """A .env up the tree is not ours."""
    below = env_file.parent / "below"
    below.mkdir()
    assert "A" not in read(below)


def test_no_file_is_fine(tmp_path: Path) -> None:
    """Without .env there is the environment."""
    assert read(tmp_path, A="env")["A"].value == "env"


def test_a_virtual_environment_called_env_is_left_alone(tmp_path: Path) -> None:
    """A directory .env is not a file to complain about."""
    (tmp_path / ".env").mkdir()
    assert len(read(tmp_path)) == 0


def test_a_planted_file_is_refused(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A .env of another user is an error that names --env-file."""
    other_user(monkeypatch)
    message = refusal(env_file.parent)
    assert "belongs to user" in message
    assert f"not to user {STRANGER}" in message
    assert "--env-file .env" in message


def test_a_planted_link_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger's link to a file of ours is a stranger's file."""
    mine = tmp_path / "mine"
    _ = mine.write_text("A=1")
    mine.chmod(0o600)
    (tmp_path / ".env").symlink_to(mine)
    real = os.lstat(tmp_path / ".env")
    planted = os.stat_result([*real[:4], STRANGER, *real[5:]])
    monkeypatch.setattr(Path, "lstat", lambda _self: planted)  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType]
    assert f"belongs to user {STRANGER}" in refusal(tmp_path)


def test_naming_a_file_is_consent_to_its_owner(
    env_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--env-file reads another user's file."""
    other_user(monkeypatch)
    assert read(env_file.parent, ".env")["A"].value == "file"


@pytest.mark.parametrize("named", [None, ".env"])
@pytest.mark.parametrize("mode", [0o666, 0o602, 0o646])
def test_a_file_that_others_can_write_is_never_read(
    env_file: Path, named: str | None, mode: int
) -> None:
    """Not even --env-file consents to a file that others can write."""
    env_file.chmod(mode)
    message = refusal(env_file.parent, named)
    assert f"other users can write this file (mode {mode:04o})" in message
    assert "--env-file" in message
    assert "chmod go-w" in message


def test_a_shared_group_counts_as_others(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writable by a group that is not the owner's private one is writable by others."""
    env_file.chmod(0o660)
    monkeypatch.setattr("grp.getgrgid", _no_such_group)
    assert "other users can write" in refusal(env_file.parent)


def _no_such_group(_gid: int) -> None:
    raise KeyError


def test_a_private_group_may_write(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With umask 002 and a group of one's own, 0664 is what an editor leaves."""
    import grp
    import pwd

    uid, gid = env_file.stat().st_uid, env_file.stat().st_gid
    me = pwd.struct_passwd(("me", "x", uid, gid, "", "/", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda _uid: me)  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType]
    monkeypatch.setattr(grp, "getgrgid", lambda _gid: grp.struct_group(("me", "x", gid, [])))  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType]
    env_file.chmod(0o664)
    assert read(env_file.parent)["A"].value == "file"
    monkeypatch.setattr(grp, "getgrgid", lambda _gid: grp.struct_group(("me", "x", gid, ["you"])))  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType]
    assert "other users can write" in refusal(env_file.parent)


def test_a_planted_pipe_is_refused_at_once(tmp_path: Path) -> None:
    """A FIFO called .env is refused at once."""
    os.mkfifo(tmp_path / ".env", 0o600)
    assert refusal(tmp_path) == ".env: is not a regular file; remove it."


def test_dev_null_means_no_file(tmp_path: Path) -> None:
    """--env-file /dev/null switches .env off."""
    _ = (tmp_path / ".env").write_text("A=1")
    assert "A" not in read(tmp_path, "/dev/null")


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    """--env-file with a wrong path is an error."""
    message = refusal(tmp_path, "nope.env")
    assert message == (
        f"--env-file nope.env: there is no file {tmp_path}/nope.env; check the path."
    )


def test_a_named_directory_is_refused(tmp_path: Path) -> None:
    """--env-file with a directory is an error."""
    assert "--env-file .: is a directory" in refusal(tmp_path, ".")


def test_a_named_file_goes_by_its_name(tmp_path: Path) -> None:
    """Origins call the file as the user called it."""
    path = tmp_path / "prod.env"
    _ = path.write_text("A=1\n")
    path.chmod(0o600)
    assert read(tmp_path, "prod.env")["A"].origin == "prod.env A"


def test_the_line_that_cannot_be_read_is_named(env_file: Path) -> None:
    """An open quote is an error with its line, not a setting that silently vanishes."""
    _ = env_file.write_text('A=1\n\nB="canary\nC=2\n')
    message = refusal(env_file.parent)
    assert message.startswith(".env: line 3 cannot be understood; write NAME=value")
    assert "canary" not in message


def test_a_file_in_another_encoding_is_refused(env_file: Path) -> None:
    """Not UTF-8 is said with the line."""
    _ = env_file.write_bytes(b"A=1\nB=\xff\n")
    assert refusal(env_file.parent) == ".env: line 2 is not UTF-8; save the file as UTF-8."


def test_the_usual_spellings_are_understood(env_file: Path) -> None:
    """export, quotes, comments, a byte order mark and Windows line ends."""
    text = "\ufeffexport A='x y'\r\nB=\"q\" # note\r\n# C=1\r\nD=\r\nE\r\n"
    _ = env_file.write_bytes(text.encode())
    variables = read(env_file.parent)
    found = {name: variables[name].value for name in variables}
    assert found == {"A": "x y", "B": "q", "D": ""}


def test_a_name_set_twice_is_said(env_file: Path) -> None:
    """The last line counts, with a warning."""
    _ = env_file.write_text("A=1\nA=2\n")
    variables = read(env_file.parent)
    assert variables["A"].value == "2"
    assert variables.warnings == (".env sets A more than once; the last one counts.",)


@pytest.mark.parametrize(
    ("line", "exposed"),
    [
        ("DATABASE_URL=postgresql://u:hunter2@db/x", True),
        ("DATABASE_URL='host=db password=hunter2'", True),
        ("SMTP_PASSWORD=hunter2", True),
        ("CRON_SECRET=hunter2", True),
        ("DATABASE_URL=postgresql://u@db/x", False),
        ("DATABASE_URL=postgresql://u:${DB_PASSWORD}@db/x", False),
        ("CRON_SECRET=file:/run/secrets/cron", False),
        ("DB_PASSWORD_FILE=/run/secrets/db", False),
        ("SMTP_PASSWORD=", False),
    ],
)
def test_a_password_that_all_can_read_is_warned_about(
    env_file: Path, line: str, *, exposed: bool
) -> None:
    """The warning names the variable and the way out, never the password."""
    _ = env_file.write_text(f"A=1\n{line}\n")
    assert read(env_file.parent).warnings == ()
    env_file.chmod(0o640)
    assert read(env_file.parent).warnings == ()
    env_file.chmod(0o644)
    name = line.partition("=")[0]
    expected = f".env: every user can read {name} (mode 0644); run: chmod o-r {env_file}"
    assert read(env_file.parent).warnings == ((expected,) if exposed else ())
    named = read(env_file.parent, ".env").warnings
    assert named == ((f"--env-file {expected}",) if exposed else ())


def test_a_command_to_paste_quotes_its_path(tmp_path: Path) -> None:
    """The shell splits it back into the path, whatever characters are in that."""
    folder = tmp_path / "my $jobs"
    folder.mkdir()
    path = folder / ".env"
    _ = path.write_text("CRON_SECRET=x")
    path.chmod(0o644)
    (warning,) = read(folder).warnings
    assert shlex.split(warning.partition("run: ")[2]) == ["chmod", "o-r", str(path)]
    path.chmod(0o666)
    assert shlex.split(refusal(folder).partition("run: ")[2]) == ["chmod", "go-w", str(path)]
