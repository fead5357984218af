"""Log lines: time, level, job, sentence."""

import re

import psycopg
import pytest

from maintcli.runtime.log import Level, Log, printable
from tests.parts.inside import Inside


def test_a_line_is_time_level_job_sentence(inside: Inside) -> None:
    """So that a filter for a job's name, or for ERROR, works."""
    lines = inside("cleanup-sessions").err.splitlines()
    shape = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ INFO cleanup-sessions started run=[0-9a-f-]{36}"
    assert re.fullmatch(shape, lines[0])


def test_lines_go_to_files_too(inside: Inside) -> None:
    """To --log-file, and to logs/maint.log where a folder logs/ exists; also when quiet."""
    (inside.folder / "logs").mkdir()
    result = inside("cleanup-sessions", "-q", "--log-file", "other.log")
    assert (result.out, result.err) == ("", "")
    for name in ("other.log", "logs/maint.log"):
        assert "started run=" in (inside.folder / name).read_text()


def test_trouble_is_loud_even_when_quiet(inside: Inside) -> None:
    """Silence means that it worked."""
    result = inside("cleanup-sessions", "-q", "--stale-after", "0")
    assert result.code == 65
    assert " ERROR cleanup-sessions " in result.err


def test_a_log_file_that_cannot_be_written(inside: Inside) -> None:
    """One sentence, before anything is done."""
    result = inside("cleanup-sessions", "--log-file", "nowhere/x.log")
    assert result.code == 78
    assert (
        result.err
        == "maint: --log-file nowhere/x.log cannot be written: No such file or directory.\n"
    )


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\nb", "a\rb", "\u202egnp.exe", "\x9b2J", "\x00"])
def test_database_text_cannot_drive_a_terminal(text: str) -> None:
    """Control and formatting characters become a replacement character."""
    assert printable(text).isprintable()


def test_odd_keys_are_neutralised_in_the_log(inside: Inside, conn: psycopg.Connection) -> None:
    """Rows that name themselves with escape sequences or markup stay text."""
    conn.execute(
        "INSERT INTO active_sessions VALUES (E'\\x1b[31m', '[bold]k', now() - interval '1 h')"
    )
    result = inside("cleanup-sessions")
    assert "\x1b" not in result.err
    assert "[bold]k" in result.err


def test_secrets_are_masked_wherever_they_turn_up(capsys: pytest.CaptureFixture[str]) -> None:
    """A last defence, should a library repeat what it was given."""
    log = Log("job", Level.INFO)
    log.hide("s3cr3t")
    log.error("cannot use s3cr3t here")
    assert "s3cr3t" not in capsys.readouterr().err
