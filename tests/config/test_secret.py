"""Secrets: where they are read from, and that nobody shows them."""

import pickle
from pathlib import Path

import pytest

from maintcli.config.variables import Read, Secret, Sourced, Variables, read_secret
from maintcli.errors import ConfigError


def read(text: str, base: Path = Path(), **environ: str) -> Read:
    """Read `text` as the secret of the variable TOKEN."""
    return read_secret(Sourced(text, "environment TOKEN"), Variables(environ), base)


def refusal(text: str, base: Path = Path(), **environ: str) -> str:
    """The message with which `text` is refused."""
    with pytest.raises(ConfigError) as caught:
        _ = read(text, base, **environ)
    return str(caught.value)


def test_a_secret_prints_as_stars() -> None:
    """str, repr, format and containers show no secret."""
    secret = Secret("canary")
    assert (
        f"{secret} {secret!r} {secret:>5} {[secret]}" == "*** Secret('***')   *** [Secret('***')]"
    )
    assert secret.reveal() == "canary"


def test_a_secret_is_not_pickled() -> None:
    """A secret does not leave the process by accident."""
    with pytest.raises(TypeError, match="not to be pickled"):
        _ = pickle.dumps(Secret("canary"))


def test_secrets_compare_and_hash() -> None:
    """Equal secrets are equal, and no secret equals its text."""
    assert Secret("a") == Secret("a")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"
    assert not Secret("")


def test_a_plain_value_is_the_secret() -> None:
    """Without a prefix the text itself is meant."""
    assert read("canary") == Read(Secret("canary"), "environment TOKEN")


def test_a_file_holds_the_secret(tmp_path: Path) -> None:
    """file: reads a file; its last newline is cut without a warning."""
    (tmp_path / "db_password").write_text("canary\n")
    found = read("file:db_password", tmp_path)
    assert found == Read(Secret("canary"), "environment TOKEN (file:db_password)")


def test_another_variable_holds_the_secret() -> None:
    """env: reads another variable, taken literally."""
    found = read("env:OTHER", OTHER="can${ary}")
    assert found == Read(Secret("can${ary}"), "environment TOKEN (environment OTHER)")


@pytest.mark.parametrize("text", [" canary", "canary\n", "\tcanary "])
def test_white_space_is_cut_with_a_warning(text: str) -> None:
    """A copied blank does not become part of a password, and is said."""
    found = read(text)
    assert found.secret == Secret("canary")
    assert found.warnings == ("environment TOKEN has white space around it, which was cut.",)


def test_more_than_a_newline_in_a_file_is_said(tmp_path: Path) -> None:
    """Blanks in a secret's file are cut with a warning too."""
    (tmp_path / "s").write_text(" canary \n")
    found = read("file:s", tmp_path)
    assert found.secret == Secret("canary")
    assert len(found.warnings) == 1


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    """The message says which file was looked for and why."""
    message = refusal("file:nope", tmp_path)
    assert message == (
        f"environment TOKEN (file:nope): there is no file {tmp_path}/nope; check the path."
    )


def test_a_directory_is_no_secret(tmp_path: Path) -> None:
    """file: with a directory is refused."""
    assert "is a directory" in refusal(f"file:{tmp_path}")


def test_an_absent_variable_is_named() -> None:
    """env: with a variable that is not set says so."""
    message = refusal("env:NOPE")
    assert message == "environment TOKEN: env:NOPE names a variable that is not set; set it."


@pytest.mark.parametrize("text", ["", "  ", "file:empty", "env:EMPTY"])
def test_a_blank_secret_is_an_error(text: str, tmp_path: Path) -> None:
    """Blank is never a password."""
    (tmp_path / "empty").write_text("\n")
    assert "is blank" in refusal(text, tmp_path, EMPTY=" ")


@pytest.mark.parametrize(
    "text", ["file:", "file:postgres://u:canary@h/d", "env:", "env:postgres://u:canary@h/d"]
)
def test_a_slip_of_prefix_shows_no_secret(text: str) -> None:
    """A URL behind file: or env: is refused without being shown."""
    message = refusal(text)
    assert "what follows" in message
    assert "canary" not in message
