"""The command line before any command runs: help, completion, suggestions, imports."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from maintcli import registry
from maintcli.registry import COMMAND_GROUPS, COMMANDS
from tests.parts.cli import Maint
from tests.parts.inside import Inside

IMPORTED = """
import contextlib, io, json, sys
from maintcli.cli.app import run
with contextlib.redirect_stdout(io.StringIO()):
    run(sys.argv[1:])
print(json.dumps(sorted(sys.modules)))
"""


def imported_by(*arguments: str, cwd: Path) -> set[str]:
    """The modules that a fresh interpreter has imported after that command."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, *arguments],
        check=True,
        capture_output=True,
        text=True,
        cwd=cwd,
    )
    return set(json.loads(done.stdout))


def completed(words: str, number: int) -> list[str]:
    """What bash would offer for the word of that number."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from maintcli.cli.app import run; sys.exit(run([]))"],
        check=False,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "_MAINT_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(number),
        },
    )
    return done.stdout.split()


def test_help_lists_every_command_under_its_heading(inside: Inside) -> None:
    """Headings in the order of the table, each command with its whole line."""
    help_ = inside("--help").out
    for group in (*registry.JOB_GROUPS, *COMMAND_GROUPS):
        assert f"\n{group}:\n" in help_
    flat = " ".join(help_.split())
    for name, entry in {**registry.JOBS, **COMMANDS}.items():
        assert f"{name} {entry.summary}" in flat


def test_help_has_one_line_for_each_command(inside: Inside) -> None:
    """On a terminal of 80 columns no summary is broken."""
    lines = inside("--help").out.splitlines()
    for entry in (*registry.JOBS.values(), *COMMANDS.values()):
        assert any(line.endswith(f"  {entry.summary}") for line in lines), entry.summary


def test_help_imports_no_job_and_no_command(tmp_path: Path) -> None:
    """Listing is from strings: no job, no operator command, no database driver is imported."""
    modules = imported_by("--help", cwd=tmp_path)
    assert not {m for m in modules if m.startswith(("maintcli.jobs.", "maintcli.cli.commands."))}
    assert not modules & {"psycopg", "rich", "pydantic", "tenacity", "maintcli.api"}


@pytest.mark.parametrize("arguments", [("secret",), ("list",), ("config", "show")])
def test_operator_commands_stay_light(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """Not on a terminal, no command imports rich; none imports pydantic or tenacity."""
    modules = imported_by(*arguments, cwd=tmp_path)
    assert not modules & {"rich", "pydantic", "tenacity", "dotenv", "http.client"}


@pytest.mark.parametrize(("name", "entry"), {**registry.JOBS, **COMMANDS}.items())
def test_summaries_are_what_the_commands_say_themselves(name: str, entry: registry.Entry) -> None:
    """The line in the table is the first line of the docstring."""
    found: Any = registry.load(entry)
    said = found.summary if name in registry.JOBS else (found.short_help or found.help)
    assert said.partition("\n")[0] == entry.summary


@pytest.mark.parametrize("name", registry.JOBS)
def test_every_option_of_a_job_names_its_variable_and_key(inside: Inside, name: str) -> None:
    """Whoever reads --help knows how to set it for cron."""
    job: Any = registry.load(registry.JOBS[name])
    help_ = "".join(inside(name, "--help").out.split())  # a line may end after any hyphen
    for option in job.settings:
        assert option.flag in help_
        if option.configurable:
            assert f"env:{option.variable(name)}" in help_
            assert f"toml:[jobs.{name}]{option.key}" in help_


@pytest.mark.parametrize(
    ("words", "number", "wanted"),
    [
        ("maint cleanup-s", 1, ["cleanup-sessions"]),
        ("maint read", 1, ["readyz"]),
        ("maint db ", 2, ["migrate", "check", "example", "uninstall"]),
        ("maint pause cleanup-s", 2, ["cleanup-sessions"]),
        ("maint db migrate --js", 3, ["--json"]),
        ("maint cleanup-sessions --stale", 2, ["--stale-after"]),
    ],
)
def test_completion(words: str, number: int, wanted: list[str]) -> None:
    """The shell completes commands, those of groups, jobs as arguments, and options."""
    assert completed(words, number) == wanted


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("cleanup-sesions",), "cleanup-sessions"),
        (("db", "migrat"), "migrate"),
        (("pause", "cleanup-sesions"), "cleanup-sessions"),
    ],
)
def test_did_you_mean(inside: Inside, arguments: tuple[str, ...], meant: str) -> None:
    """A slip is wrong usage, and the answer says, once, what was probably meant."""
    result = inside(*arguments)
    assert result.code == 2
    assert result.err.lower().count("did you mean") == 1
    assert meant in result.err.lower().partition("did you mean")[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(inside: Inside, name: str) -> None:
    """--help works for each, groups included, without a database."""
    result = inside(name, "--help", env={"DATABASE_URL": ""})
    assert result.code == 0
    assert COMMANDS[name].summary in " ".join(result.out.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "--database", ""),
        ("history", "--limit", " "),
        ("pause", ""),
        ("list", "--config", ""),
    ],
)
def test_a_blank_option_is_refused(inside: Inside, arguments: tuple[str, ...]) -> None:
    """Blank is never a default."""
    result = inside(*arguments)
    assert (result.code, result.out) == (2, "")
    assert "is blank" in result.err


def test_a_reader_who_leaves_changes_nothing(maint: Maint, db: str) -> None:
    """`maint status | head -1`: no traceback, and the exit code is that of the command."""
    for arguments in (("status",), ("history",), ("cleanup-sessions", "--stale-after", "0s")):
        process = maint.start(*arguments, env={"DATABASE_URL": db})
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait() == (65 if arguments[0] == "cleanup-sessions" else 0)
        assert "Traceback" not in said
        assert "BrokenPipe" not in said


def test_a_full_disk_is_one_sentence(maint: Maint) -> None:
    """What cannot be written is said; it is no bug of ours."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "maintcli", "secret"],
            check=False,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=maint.folder,
        )
    assert done.returncode == 1
    assert done.stderr == "maint: The output cannot be written: No space left on device.\n"


def test_other_encodings_get_valid_json(maint: Maint, db: str) -> None:
    """A terminal that does not speak UTF-8 gets escapes, and no crash."""
    env = {"DATABASE_URL": db, "PYTHONIOENCODING": "ascii"}
    result = maint("pause", "cleanup-sessions", "--why", "Prüfung", "--json", env=env)
    assert result.json["paused"]["why"] == "Prüfung"
    assert result.out.isascii()
