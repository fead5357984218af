"""Which database is meant and where its URL comes from."""

from pathlib import Path

import pytest

from maintcli.config.load import load
from maintcli.config.model import Config
from maintcli.config.variables import Secret
from maintcli.errors import ConfigError

TOML = """
[database]
url = "postgres://u:${PW}@main"
schema = "maint"
[databases.reporting]
url = "file:secrets/reporting"
"""


def read(cwd: Path, text: str = TOML, **environ: str) -> Config:
    """The configuration of a maint.toml that says `text`."""
    _ = (cwd / "maint.toml").write_text(text)
    return load(environ=environ, cwd=cwd)


def refusal(config: Config, name: str | None = None) -> str:
    """The message with which the database is refused."""
    with pytest.raises(ConfigError) as caught:
        _ = config.database(name)
    return str(caught.value)


def test_the_variable_beats_the_file(tmp_path: Path) -> None:
    """DATABASE_URL is the main database's URL, over that of maint.toml."""
    found = read(tmp_path, DATABASE_URL="postgres://env").database()
    assert (found.url, found.url_origin) == (Secret("postgres://env"), "environment DATABASE_URL")
    assert (found.schema, found.section) == ("maint", "database")
    assert (found.base, read(tmp_path, PW="x").database().base) == (None, tmp_path)


def test_the_file_is_filled_in(tmp_path: Path) -> None:
    """${NAME} in a URL comes from the environment."""
    found = read(tmp_path, PW="canary").database()
    assert found.url == Secret("postgres://u:canary@main")
    assert found.url_origin == "maint.toml [database] url"
    assert "canary" not in repr(found)


def test_without_any_url_there_is_none(tmp_path: Path) -> None:
    """The caller says that no database is configured; nothing is made up."""
    found = read(tmp_path, "").database()
    assert (found.url, found.section) == (None, "database")


def test_a_blank_variable_is_an_error(tmp_path: Path) -> None:
    """DATABASE_URL= does not fall back to the file."""
    message = refusal(read(tmp_path, DATABASE_URL=" "))
    assert message == "environment DATABASE_URL is blank; give it a value or remove it."


def test_a_named_database_reads_beside_its_file(tmp_path: Path) -> None:
    """file: in maint.toml is relative to maint.toml, wherever the command runs."""
    (tmp_path / "secrets").mkdir()
    _ = (tmp_path / "secrets" / "reporting").write_text("postgres://r\n")
    _ = read(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    config = load(config=tmp_path / "maint.toml", environ={}, cwd=elsewhere)
    found = config.database("reporting")
    assert (found.url, found.section) == (Secret("postgres://r"), "databases.reporting")


def test_one_bad_secret_does_not_stop_another_database(tmp_path: Path) -> None:
    """A URL is read when its database is wanted."""
    config = read(tmp_path, DATABASE_URL="postgres://env")
    assert config.database().url == Secret("postgres://env")
    assert "there is no file" in refusal(config, "reporting")


def test_a_missing_password_is_named(tmp_path: Path) -> None:
    """A missing ${NAME} never becomes an empty password."""
    message = refusal(read(tmp_path))
    assert message == "maint.toml [database] url: the variable PW in ${PW} is not set; set it."


def test_an_unknown_name_is_an_error(tmp_path: Path) -> None:
    """With the name that was probably meant."""
    message = refusal(read(tmp_path), "reportng")
    assert message == "There is no database reportng in maint.toml; did you mean reporting?"


def test_the_names_are_known(tmp_path: Path) -> None:
    """--database all goes through every configured one, the main one first."""
    assert list(read(tmp_path).databases) == ["default", "reporting"]
    assert read(tmp_path, DATABASE_URL="x").database("default").url == Secret("x")


def test_the_schema_has_a_variable(tmp_path: Path) -> None:
    """MAINT_DATABASE_SCHEMA serves where there is no file; blank is an error."""
    config = read(tmp_path, DATABASE_URL="x", MAINT_DATABASE_SCHEMA="ops")
    assert config.database().schema == "ops"
    with pytest.raises(ConfigError, match="MAINT_DATABASE_SCHEMA is blank"):
        _ = read(tmp_path, MAINT_DATABASE_SCHEMA="")


def test_white_space_is_cut_with_a_warning(tmp_path: Path) -> None:
    """A newline behind the URL is cut, with a warning for the log."""
    found = read(tmp_path, DATABASE_URL="postgres://env\n").database()
    assert found.url == Secret("postgres://env")
    assert found.warnings == ("environment DATABASE_URL has white space around it, which was cut.",)


def test_any_variable_can_be_a_secret(tmp_path: Path) -> None:
    """Services read theirs the same way."""
    config = read(tmp_path, API_KEY="env:OTHER", OTHER="canary")
    found = config.secret("API_KEY")
    assert found is not None
    assert found.secret == Secret("canary")
    assert config.secret("NOPE") is None
