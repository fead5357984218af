"""No option is taken for the value of the one before it: a dry run stays one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.main import get_command

from maintcli.cli.app import app
from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def stale(conn: Conn) -> Conn:
    """Two stale sessions."""
    conn.execute(
        "INSERT INTO active_sessions (session_id, access_key, last_heartbeat)"
        " VALUES ('a', 'k', now() - interval '1 h'), ('b', 'k', now() - interval '1 h')"
    )
    return conn


def sessions(conn: Conn) -> int:
    """How many sessions there are."""
    row = conn.execute("SELECT count(*) FROM active_sessions").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize(
    "arguments",
    [
        ("cleanup-sessions", "--archive", "--dry-run"),
        ("cleanup-sessions", "--archive", "-n"),
        ("cleanup-sessions", "--archive", "-qn"),
        ("cleanup-sessions", "-q", "--log-file", "--dry-run"),
        ("cleanup-sessions", "--stale-after", "1m", "--archive", "--dryrun"),
        ("cleanup-sessions", "--archive", "--", "--dry-run"),
        ("cleanup-sessions", "--config", "--dry-run"),
        ("run", "--log-file", "--dry-run", "cleanup-sessions"),
        ("run", "cleanup-sessions", "--log-file", "-n"),
    ],
)
def test_an_option_instead_of_a_value_runs_nothing(
    inside: Inside, stale: Conn, arguments: tuple[str, ...]
) -> None:
    """A shell variable that is unset leaves `--archive --dry-run`, which must not delete."""
    done = inside(*arguments)
    assert (done.code, "lacks its value" in done.err) == (2, True), done.err
    assert sessions(stale) == 2
    assert list(inside.folder.iterdir()) == []


def test_an_equals_sign_gives_any_value(inside: Inside, stale: Conn) -> None:
    """A folder may be called --dry-run, where somebody writes so."""
    assert inside("cleanup-sessions", "--archive=--dry-run", "--dry-run").code == 0
    assert sessions(stale) == 2
    assert inside("cleanup-sessions", "--archive=--dry-run").code == 0
    assert sessions(stale) == 0
    assert (inside.folder / "--dry-run").is_dir()


def commands(command: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that takes options, with the words that lead to it."""
    command = command.load() if hasattr(command, "load") else command
    if hasattr(command, "commands"):
        for name, one in command.commands.items():
            yield from commands(one, *path, name)
    else:
        yield path, command


def test_every_option_of_every_command_wants_a_value(inside: Inside) -> None:
    """Whatever the command, and whatever its option: exit 2, before anything is looked at."""
    tried = 0
    for path, command in commands(get_command(app)):
        for parameter in command.params:
            if parameter.param_type_name != "option" or parameter.is_flag:
                continue
            for flag in parameter.opts:
                done = inside(*path, flag, "--dry-run", env={"DATABASE_URL": "nonsense"})
                assert done.code == 2, (path, flag, done.err)
                assert f"maint: {flag} lacks its value: --dry-run follows" in done.err
                tried += 1
    assert tried > 100


def test_words_for_a_job_made_by_hand_are_held_to_the_same(inside: Inside) -> None:
    """`schedule run-now` writes them into a manifest, which would delete."""
    done = inside("schedule", "run-now", "cleanup-sessions", "--", "--archive", "--dry-run")
    assert (done.code, done.out) == (2, "")
    assert "--archive lacks its value: --dry-run follows" in done.err


@pytest.mark.parametrize("options", ['["--archive", "--dry-run"]', '"--archive --dry-run"'])
def test_options_of_the_file_are_held_to_the_same(inside: Inside, options: str) -> None:
    """They go onto the command line of a scheduler."""
    text = f"[jobs.cleanup-sessions]\noptions = {options}\n"
    Path(inside.folder, "maint.toml").write_text(text)
    done = inside("schedule", "render", "--target", "crontab")
    assert (done.code, done.out) == (78, "")
    assert "[jobs.cleanup-sessions] options: --archive lacks its value" in done.err


@pytest.mark.parametrize("value", ["-5", "-.5"])
def test_a_negative_number_is_a_value(inside: Inside, value: str) -> None:
    """What is wrong with it is said of the number."""
    done = inside("cleanup-sessions", "--max-rows", value)
    assert (done.code, "lacks its value" in done.err) == (2, False)
    assert f"--max-rows: '{value}'" in done.err or f"--max-rows: {value}" in done.err


def test_a_hyphen_alone_is_standard_output(inside: Inside) -> None:
    """`--output -` has always meant that."""
    done = inside("schedule", "render", "cleanup-sessions", "--target", "crontab", "--output", "-")
    assert (done.code, "cleanup-sessions" in done.out) == (0, True)
