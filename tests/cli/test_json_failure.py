"""One JSON object whatever became of the command, also where nothing was run"""

import io
import json
from contextlib import redirect_stdout, suppress
from typing import Any

import pytest
from typer.main import get_command

from maintcli.cli.app import app
from maintcli.cli.app import run as app_run
from maintcli.registry import COMMANDS
from tests.cli.test_option_values import commands
from tests.parts.inside import Inside

LEAVES = [
    path
    for path, command in commands(get_command(app))
    if any("--json" in parameter.opts for parameter in command.params)
]
ALWAYS = {"success", "outcome", "exit_code", "message"}


def test_a_wrong_command_line_is_an_object_of_every_command(inside: Inside) -> None:
    """Typer says it in words of its own, which stay on standard error."""
    assert {path[0] for path in LEAVES} >= {"cleanup-sessions", "status", "db", "schedule"}
    for path in LEAVES:
        done = inside(*path, "--json", "--no-such-option")
        assert done.json.keys() >= ALWAYS, path
        assert (done.code, done.json["exit_code"], done.json["success"]) == (2, 2, False)
        assert "No such option: --no-such-option" in done.json["message"]
        assert "No such option: --no-such-option" in done.err


@pytest.mark.parametrize("variable", [{"DATABASE_URL": ""}, {"MAINT_CONFIG": "/nowhere"}])
def test_what_is_wrong_with_the_place_is_one_object(
    inside: Inside, variable: dict[str, str]
) -> None:
    """Of one line, whoever prints it; and its figures are those of the exit code."""
    for path in LEAVES:
        done = inside(
            *path, *(["x"] if path[-1] in {"show", "restore"} else []), "--json", env=variable
        )
        assert done.out.count("\n") == 1, (path, done.out)
        found: dict[str, Any] = done.json
        assert found.get("exit_code", done.code) == done.code, path
        assert found.get("success", done.code == 0) == (done.code == 0), path


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--stale-after", "5"), 2, "--stale-after: '5' has"),
        (("--archive", "--dry-run"), 2, "--archive lacks its value: --dry-run follows; "),
        (("--config", "nowhere.toml"), 78, "there is no file"),
        (("--log-file", "/nowhere/x"), 78, "/nowhere/x cannot be written"),
    ],
)
def test_a_job_that_is_not_run_has_the_keys_of_one_that_is(
    inside: Inside, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    """Without an id, since no run has it; and what is said on standard error stays."""
    ran = inside("cleanup-sessions", "--json", env={"DATABASE_URL": "postgresql://h/d?x=1"}).json
    done = inside("cleanup-sessions", *arguments, "--json")
    assert done.json.keys() == ran.keys()
    assert (done.code, done.json["exit_code"]) == (code, code)
    assert done.json["job"] == "cleanup-sessions"
    assert done.json["run_id"] is None
    assert done.json["dry_run"] is ("--dry-run" in arguments)
    assert sentence in done.json["message"]
    assert f"maint: {done.json['message']}" in done.err


def test_words_after_two_hyphens_ask_for_nothing(inside: Inside) -> None:
    """`schedule run-now` has no JSON; they are the options of a job."""
    done = inside("schedule", "run-now", "nowhere", "--", "--json")
    assert (done.code, done.out) == (2, "")


def test_a_job_without_a_name_says_so(inside: Inside) -> None:
    """An operator's command has the keys that all of them have; what runs a job has a job's."""
    assert inside("run", "--json").json.keys() == ALWAYS
    assert "run" in COMMANDS
    for command, job in {"trigger": None, "run-entry": None, "restore": "restore"}.items():
        found = inside(command, "nowhere", "--json", "--nope").json
        assert (found["job"], found["run_id"], found["exit_code"]) == (job, None, 2)
        assert found["backlog"] is None


@pytest.mark.parametrize("loud", [(), ("--verbose",)])
def test_a_bug_is_an_object_too(monkeypatch: pytest.MonkeyPatch, loud: tuple[str, ...]) -> None:
    """Also where its traceback is asked for, which then leaves the command."""

    def fails(_job: object, _given: object) -> int:
        return 1 // 0

    monkeypatch.setattr("maintcli.cli.run.run_job", fails)
    out = io.StringIO()
    with redirect_stdout(out), suppress(ZeroDivisionError):
        assert app_run(["cleanup-sessions", "--json", *loud]) == 70
    found = json.loads(out.getvalue())
    assert (found["exit_code"], found["job"], found["run_id"]) == (70, "cleanup-sessions", None)
