"""[triggers.NAME]: what may stand there, and what is said of what may not."""

from pathlib import Path

import pytest

from maintcli.config.load import load
from maintcli.config.model import Config
from maintcli.config.triggers import Trigger
from maintcli.errors import ConfigError

PENDING = '[triggers.pending]\nurl = "${BACKEND_URL}/api/${KIND:-jobs}?x=$${Y}"\n'


def config(folder: Path, text: str, **environ: str) -> Config:
    """What a maint.toml says."""
    (folder / "maint.toml").write_text(text)
    return load(environ=environ, cwd=folder)


def pending(folder: Path, *lines: str, **environ: str) -> Trigger:
    """The trigger, with these further lines."""
    return config(folder, PENDING + "\n".join(lines), **environ).triggers["trigger-pending"]


def test_variables_are_read_when_it_is_sent(tmp_path: Path) -> None:
    """A file with a trigger serves every other command where they are not set."""
    found = pending(tmp_path, 'auth = "cron-secret"')
    assert (found.name, found.job) == ("pending", "trigger-pending")
    assert found.variables == ("BACKEND_URL",)
    assert found.secrets == ("CRON_SECRET",)
    with pytest.raises(ConfigError, match="BACKEND_URL"):
        _ = found.url()
    given = {"BACKEND_URL": "https://h", "CRON_SECRET": " abc "}
    there = pending(tmp_path, 'auth = "cron-secret"', **given)
    assert there.url() == "https://h/api/jobs?x=${Y}"
    read = there.secret()
    assert (read.secret.reveal(), read.origin) == ("abc", "environment CRON_SECRET")
    assert "white space" in read.warnings[0]


@pytest.mark.parametrize(
    ("lines", "secrets"),
    [
        (('auth = "none"',), ()),
        (('auth = "bearer"',), ("TRIGGER_TOKEN",)),
        (('auth = "basic"',), ("ADMIN_BASIC_USERNAME", "ADMIN_BASIC_PASSWORD")),
        (('auth = "bearer"', 'secret = "env:MINE"'), ("MINE",)),
        (('auth = "bearer"', 'secret = "file:mine"'), ()),
        (('auth = "basic"', 'username = "robot"'), ("ADMIN_BASIC_PASSWORD",)),
    ],
)
def test_which_variables_hold_its_secrets(
    tmp_path: Path, lines: tuple[str, ...], secrets: tuple[str, ...]
) -> None:
    """What schedulers have to hand on."""
    assert pending(tmp_path, *lines).secrets == secrets


def test_secret_file_is_relative_to_maint_toml(tmp_path: Path) -> None:
    """A relative path begins where maint.toml is."""
    (tmp_path / "mine").write_text("abcd\n")
    found = pending(tmp_path, 'auth = "basic"', 'username = "robot"', 'secret = "file:mine"')
    assert found.username().secret.reveal() == "robot"
    assert found.secret().secret.reveal() == "abcd"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[triggers.pending]\n", "[triggers.pending] url: it is missing; write e.g."),
        ('[triggers.pending]\nulr = "https://h"\n', "unknown key ulr; did you mean url?"),
        (PENDING, 'auth: it is missing; write e.g. auth = "cron-secret".'),
        (PENDING + 'auth = "basc"', "did you mean basic?"),
        (PENDING + "auth = true", "auth: it is true or false"),
        (PENDING + 'auth = "bearer"\nusername = "x"', "takes no user; remove the line"),
        (PENDING + 'auth = "none"\nsecret = "env:X"', "sends none; remove the line"),
        (PENDING + 'auth = "bearer"\nsecret = "abc"', "anyone who can read the file"),
        (PENDING + 'auth = "bearer"\nsecret = "env:a b"', "is not the name of a variable"),
        (PENDING + 'auth = "bearer"\nallow-http = 1', "must be true or false"),
        (
            PENDING + 'auth = "bearer"\nevery = "7m"\nschedule = "x"',
            "cannot be combined with schedule",
        ),
        (PENDING + 'auth = "bearer"\ntimezone = "Mars"', "is not a time zone"),
        ('[triggers."Not Plain"]\nurl = "x"\n', "'Not Plain' is not a valid name"),
        (f"[triggers.{'a' * 33}]\n", "up to 32 lowercase letters"),
        ("triggers = 1", "must be a table"),
    ],
)
def test_bad_trigger_is_an_error_of_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    """What is wrong, where, and what to do."""
    with pytest.raises(ConfigError) as caught:
        config(tmp_path, text)
    assert words in str(caught.value)
    assert "abc" not in str(caught.value)


def test_jobs_section_of_a_trigger_is_refused(tmp_path: Path) -> None:
    """Not under [jobs], where they would be looked for in vain."""
    found = config(tmp_path, f'{PENDING}auth = "none"\n[jobs.trigger-pending]\ntimeout = "5s"\n')
    with pytest.raises(ConfigError, match=r"take it out; \[triggers\.pending\] enables"):
        found.check_jobs([])


def test_changed_trigger_changes_the_hash(tmp_path: Path) -> None:
    """The hash in the ledger tells."""
    before = config(tmp_path, f'{PENDING}auth = "none"').hash
    assert config(tmp_path, f'{PENDING}auth = "bearer"').hash != before
