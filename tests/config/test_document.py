"""Finding and reading maint.toml."""

import os
from pathlib import Path

import pytest

from maintcli.config import files
from maintcli.config.load import load
from maintcli.config.model import Config
from maintcli.errors import Code, ConfigError

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def read(cwd: Path, config: str | None = None, **environ: str) -> Config:
    """The configuration as a command in `cwd` sees it."""
    return load(config=None if config is None else Path(config), environ=environ, cwd=cwd)


def refusal(cwd: Path, config: str | None = None, **environ: str) -> str:
    """The message with which the file is refused, with the exit code of a configuration error."""
    with pytest.raises(ConfigError) as caught:
        _ = read(cwd, config, **environ)
    assert caught.value.exit_code is Code.CONFIG
    return str(caught.value)


def test_without_a_file_everything_has_its_default(tmp_path: Path) -> None:
    """No maint.toml is fine."""
    config = read(tmp_path)
    assert config.path is None
    assert config.max_concurrent_jobs == 5
    assert config.plugins == ()
    assert config.hash == "defaults"


def test_the_flag_is_before_the_variable_and_the_folder(tmp_path: Path) -> None:
    """--config, then MAINT_CONFIG, then maint.toml of the working directory."""
    for number, name in enumerate(["maint.toml", "variable.toml", "flag.toml"], start=1):
        _ = (tmp_path / name).write_text(f"max-concurrent-jobs = {number}")
    assert read(tmp_path).max_concurrent_jobs == 1
    assert read(tmp_path, MAINT_CONFIG="variable.toml").max_concurrent_jobs == 2
    found = read(tmp_path, "flag.toml", MAINT_CONFIG="variable.toml")
    assert found.max_concurrent_jobs == 3
    assert found.max_concurrent.origin == "flag.toml max-concurrent-jobs"


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    """A wrong path is never a silent default."""
    message = f"there is no file {tmp_path}/nope.toml; check the path."
    assert refusal(tmp_path, "nope.toml") == f"--config nope.toml: {message}"
    assert (
        refusal(tmp_path, MAINT_CONFIG="nope.toml")
        == f"environment MAINT_CONFIG=nope.toml: {message}"
    )


def test_a_blank_variable_is_an_error(tmp_path: Path) -> None:
    """MAINT_CONFIG= is not the same as no MAINT_CONFIG."""
    message = refusal(tmp_path, MAINT_CONFIG="")
    assert message == "environment MAINT_CONFIG is blank; give it a path or unset it."


def test_a_directory_is_refused(tmp_path: Path) -> None:
    """A directory where a file is meant, named or found."""
    (tmp_path / "maint.toml").mkdir()
    assert refusal(tmp_path) == "maint.toml: is a directory; name a file instead."
    assert refusal(tmp_path, ".") == "--config .: is a directory; name a file instead."


def test_an_unreadable_file_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Permission denied is said, not taken for absence."""

    real = os.open

    def denied(path: Path, flags: int) -> int:
        if path.suffix == ".toml":
            raise PermissionError(13, "Permission denied")
        return real(path, flags)

    monkeypatch.setattr(os, "open", denied)
    advice = "cannot be read (Permission denied); let the user that runs maint read it."
    assert refusal(tmp_path, "x.toml") == f"--config x.toml: {advice}"
    assert refusal(tmp_path) == f"maint.toml: {advice}"


def test_a_link_to_nothing_is_an_error(tmp_path: Path) -> None:
    """A broken link is not taken for absence."""
    (tmp_path / "maint.toml").symlink_to("gone.toml")
    assert "a link to a file that does not exist" in refusal(tmp_path)


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    """--config /dev/zero ends."""
    assert "larger than 1 MiB" in refusal(tmp_path, "/dev/zero")


def test_dev_null_means_no_file(tmp_path: Path) -> None:
    """--config /dev/null is an empty configuration."""
    _ = (tmp_path / "maint.toml").write_text("nonsense")
    assert read(tmp_path, "/dev/null").max_concurrent_jobs == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = \n", "maint.toml: is not valid TOML: Invalid value (at line 1, column 5);"),
        ("x = 1\nx = 2\n", "maint.toml: line 2: x appears twice; remove one."),
        ("[a.b]\n[a.b]\n", "maint.toml: line 2: the section [a.b] appears twice; remove one."),
        (
            '"s" = "hunter2"\n"s" = "hunter2"\n',
            "maint.toml: line 2: a key appears twice; remove one.",
        ),
        (
            'a.s = "hunter2"\na.s = "hunter2"\n',
            "maint.toml: line 2: a key appears twice; remove one.",
        ),
        (f"x = {'9' * 5000}", "maint.toml: holds a number of too many digits;"),
        (f"x = {'[' * 5000}", "maint.toml: is nested too deeply;"),
    ],
)
def test_invalid_toml_names_the_line(tmp_path: Path, text: str, message: str) -> None:
    """A mistake in the file is said with its place."""
    _ = (tmp_path / "maint.toml").write_text(text)
    assert refusal(tmp_path).startswith(message)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("keep = 90d", 'write text and durations in straight quotes: keep = "…".'),
        ("keep = “90d”", 'write text and durations in straight quotes: keep = "…".'),
        ('keep = "90d', "close the quotation mark behind keep."),
        ('keep: "90d"', "write keep = …."),
        ("[jobs", "correct that line."),
    ],
)
def test_invalid_toml_is_said_with_what_to_do(tmp_path: Path, text: str, advice: str) -> None:
    """Also behind lines that end as on Windows; the value is not repeated."""
    _ = (tmp_path / "maint.toml").write_bytes(f"[database]\r\n{text}\r\n".encode())
    said = refusal(tmp_path)
    assert "(at line 2, column " in said
    assert said.endswith(advice)
    assert "90d" not in said


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    """Not UTF-8 is said with the line."""
    _ = (tmp_path / "maint.toml").write_bytes(b"# one\n# \xe4\n")
    assert refusal(tmp_path) == "maint.toml: line 2 is not UTF-8; save the file as UTF-8."


def test_a_byte_order_mark_is_fine(tmp_path: Path) -> None:
    """A file saved by a Windows editor is read."""
    _ = (tmp_path / "maint.toml").write_text("\ufeffmax-concurrent-jobs = 2")
    assert read(tmp_path).max_concurrent_jobs == 2


def test_a_planted_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger's maint.toml in another one's directory is not believed unless named."""
    path = tmp_path / "maint.toml"
    _ = path.write_text("max-concurrent-jobs = 2")
    owner = path.stat()
    strange = os.stat_result([*owner[:4], 4242, *owner[5:]])
    monkeypatch.setattr(os, "geteuid", lambda: 4343)
    with path.open() as file, pytest.raises(ConfigError, match=r"user 4242.*--config maint\.toml"):
        files.check_config_file(path, "maint.toml", file.fileno(), strange)
    assert read(tmp_path, "maint.toml").max_concurrent_jobs == 2


@AS_ROOT
def test_a_planted_link_is_refused(tmp_path: Path) -> None:
    """A stranger's link chooses what is read, be the file one's own. One of root's is fine."""
    (tmp_path / "..data").mkdir()
    _ = (tmp_path / "..data" / "maint.toml").write_text("max-concurrent-jobs = 2")
    (tmp_path / "maint.toml").symlink_to("..data/maint.toml")  # as of a ConfigMap in Kubernetes
    assert read(tmp_path).max_concurrent_jobs == 2
    os.lchown(tmp_path / "maint.toml", 4242, 4242)
    assert "belongs to user 4242" in refusal(tmp_path)


def test_the_owner_of_the_directory_may_configure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkout of one user, run by another (a container as root), works."""
    _ = (tmp_path / "maint.toml").write_text("max-concurrent-jobs = 2")
    monkeypatch.setattr(os, "geteuid", lambda: 4343)
    assert read(tmp_path).max_concurrent_jobs == 2


@pytest.mark.parametrize("mode", [0o666, 0o602, 0o664])
def test_a_file_that_others_can_write_is_refused_unless_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    """maint.toml names code to run, so others may not write it. A named one is warned about."""
    path = tmp_path / "maint.toml"
    _ = path.write_text("max-concurrent-jobs = 2")
    path.chmod(mode)
    monkeypatch.setattr("grp.getgrgid", _no_such_group)
    assert f"(mode {mode:04o})" in refusal(tmp_path)
    assert "chmod go-w maint.toml" in refusal(tmp_path)
    named = read(tmp_path, "maint.toml")
    assert named.max_concurrent_jobs == 2
    assert [f"chmod go-w {path}" in warning for warning in named.warnings] == [True]


def _no_such_group(_gid: int) -> None:
    raise KeyError


def test_a_private_group_may_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With umask 002 and a group of one's own, 0664 is what an editor leaves."""
    path = tmp_path / "maint.toml"
    _ = path.write_text("max-concurrent-jobs = 2")
    path.chmod(0o664)
    monkeypatch.setattr(files, "_is_private_group", lambda *_: True)
    assert read(tmp_path).max_concurrent_jobs == 2
    assert read(tmp_path, "maint.toml").warnings == ()
