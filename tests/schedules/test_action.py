"""The composite action: its steps as a runner would run them, here"""

import os
import stat
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from tests.parts.cli import KEPT

ROOT = Path(__file__).parents[2]
ACTION = yaml.load((ROOT / "action.yml").read_text(), yaml.BaseLoader)  # noqa: S506 - the base
BASH = ["bash", "--noprofile", "--norc", "-eo", "pipefail"]


def step(name: str) -> dict[str, Any]:
    """The step of that name."""
    return next(one for one in ACTION["runs"]["steps"] if one["name"] == name)


def run(
    name: str, folder: Path, inputs: dict[str, str], **env: str
) -> subprocess.CompletedProcess[str]:
    """Run a step's script in `folder` with the variables that GitHub would set."""
    one = step(name)
    assert one["shell"] == "bash"
    script = folder / "script"
    script.write_text(one["run"])
    values = {
        key: default["default"] for key, default in ACTION["inputs"].items() if "default" in default
    }
    values |= inputs
    for variable, text in one["env"].items():
        expression = text.removeprefix("${{ ").removesuffix(" }}")
        env.setdefault(variable, values.get(expression.removeprefix("inputs."), ""))
    kept = {key: os.environ[key] for key in KEPT if key in os.environ}
    github = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_ACTION_PATH": str(ROOT),
        "RUNNER_TEMP": str(folder / "runner temp"),
    }
    return subprocess.run(
        [*BASH, str(script)],
        cwd=folder,
        env={**kept, **github, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def install(folder: Path, script: str) -> Path:
    """Put `script` where the action's own steps would have put maint, beside a Python."""
    home = folder / "runner temp" / "maint" / "bin"
    home.mkdir(parents=True)
    (home / "python").symlink_to(sys.executable)
    (home / "maint").write_text(f"#!/bin/sh\n{script}\n")
    (home / "maint").chmod(0o755)
    return folder


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder in whose runner maint is installed: that of these tests."""
    return install(tmp_path, f'exec "{sys.executable}" -m maintcli "$@"')


@pytest.fixture
def echoing(tmp_path: Path) -> Path:
    """A folder in whose runner maint says which words it was given, and ends with 75."""
    return install(tmp_path, 'printf "<%s>" "$@"\nexit 75')


def test_a_job_runs_and_leaves_its_summary(installed: Path, db: str) -> None:
    """Against a real database, with the secret in the environment alone."""
    summary = installed / "summary.md"
    done = run(
        "Run the job",
        installed,
        {"job": "cleanup-sessions", "options": "--stale-after '2m' --json"},
        DATABASE_URL=db,
        GITHUB_STEP_SUMMARY=str(summary),
    )
    assert (done.returncode, '"success": true' in done.stdout) == (0, True), done.stderr
    assert summary.read_text().startswith("### cleanup-sessions: success")


def test_a_failure_is_the_step_s_own(installed: Path) -> None:
    """The step ends with the exit code of the job, and says what it was."""
    done = run("Run the job", installed, {"job": "cleanup-sessions"})
    assert done.returncode == 78
    assert "No database is configured" in done.stderr


def test_the_words_arrive_as_they_were_quoted(echoing: Path) -> None:
    """No shell sees them: neither blanks, nor quotes, nor what a shell would run."""
    options = """--tables 'a b' --where "it's $(id) `id` ${HOME}" ; rm -rf / && * | > x"""
    done = run("Run the job", echoing, {"job": "a; b", "options": options})
    words = ["a; b", "--tables", "a b", "--where", "it's $(id) `id` ${HOME}"]
    words += [";", "rm", "-rf", "/", "&&", "*", "|", ">", "x"]
    assert done.stdout == "".join(f"<{word}>" for word in words)
    assert done.returncode == 75


@pytest.mark.parametrize(
    ("given", "words"),
    [("true", "<a><--dry-run><-q>"), ("false", "<a><-q>"), ("", "<a><-q>")],
)
def test_a_dry_run_is_asked_for_by_true(echoing: Path, given: str, words: str) -> None:
    """It is empty where the workflow was started by its schedule."""
    inputs = {"job": "a", "options": "-q", "dry-run": given}
    assert run("Run the job", echoing, inputs).stdout == words


@pytest.mark.parametrize("options", ["--archive ", "--archive", "--log-file"])
def test_an_option_without_its_value_cannot_undo_a_dry_run(
    installed: Path, db: str, conn: psycopg.Connection, options: str
) -> None:
    """As where options is `--archive ${{ vars.ARCHIVE }}` and the variable is not set."""
    conn.execute(
        "INSERT INTO active_sessions (session_id, access_key, last_heartbeat)"
        " VALUES ('a', 'k', now() - interval '1 h')"
    )
    inputs = {"job": "cleanup-sessions", "options": options, "dry-run": "true"}
    assert run("Run the job", installed, inputs, DATABASE_URL=db).returncode == 2
    assert conn.execute("SELECT count(*) FROM active_sessions").fetchone() == (1,)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"dry-run": "yes"}, "dry-run must be true or false"),
        ({"options": "--where 'open"}, "options ends in an open quotation mark or backslash"),
        ({"options": "a\\"}, "options ends in an open quotation mark or backslash"),
    ],
)
def test_what_is_not_understood_runs_nothing(
    echoing: Path, inputs: dict[str, str], said: str
) -> None:
    """A dry run that was misspelt must not become a real one, nor lose its last words."""
    done = run("Run the job", echoing, {"job": "a", **inputs})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"::error title=maint::{said}; nothing was run\n"


def test_the_cache_is_known_by_the_packages(tmp_path: Path) -> None:
    """Its key has the hash of their list, and pip keeps there what it fetches."""
    output = tmp_path / "output"
    done = run("Name the packages", tmp_path, {}, PYTHON=sys.executable, GITHUB_OUTPUT=str(output))
    digest = sha256((ROOT / "requirements/run.txt").read_bytes()).hexdigest()
    assert (done.returncode, output.read_text()) == (0, f"hash={digest}\n")
    cache = step("Fetch the packages of an earlier run")["with"]
    assert cache["key"].endswith("${{ steps.packages.outputs.hash }}")
    assert cache["path"] == step("Install maint")["env"]["PIP_CACHE_DIR"]


def test_it_installs_what_was_checked_out_with_pinned_packages(tmp_path: Path) -> None:
    """Into an environment of its own, below a path with a blank; nothing from an index unpinned."""
    python, log = tmp_path / "python", tmp_path / "log"
    # A Python that notes what it is told, and makes an environment with itself in it.
    python.write_text(
        f'#!/bin/sh\necho "$*" >>"{log}"\n'
        'if [ "$2" = venv ]; then mkdir -p "$4/bin" && cp "$0" "$4/bin/python"; fi\n'
    )
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    done = run("Install maint", tmp_path, {}, PYTHON=str(python))
    assert done.returncode == 0, done.stderr
    pip = "-m pip --quiet --disable-pip-version-check install"
    assert log.read_text().splitlines() == [
        f"-m venv --clear {tmp_path}/runner temp/maint",
        f"{pip} --require-hashes --requirement {ROOT}/requirements/run.txt",
        f"{pip} --no-deps --no-build-isolation {ROOT}",
    ]


def test_an_installation_that_fails_ends_the_step(tmp_path: Path) -> None:
    """With pip's own exit code, before anything else."""
    python = tmp_path / "python"
    python.write_text(
        '#!/bin/sh\n[ "$2" = venv ] && mkdir -p "$4/bin" && cp "$0" "$4/bin/python"\n'
    )
    python.chmod(0o755)
    assert run("Install maint", tmp_path, {}, PYTHON=str(python)).returncode == 1


def test_no_script_holds_an_expression() -> None:
    """What a user gives reaches a script in variables, so that it cannot become a part of one."""
    for one in ACTION["runs"]["steps"]:
        assert "${{" not in one.get("run", "")
