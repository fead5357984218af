"""`.ci/run` says with its exit code whether checks and tests are well, and repeats what failed."""

import os
import subprocess
import sys
from pathlib import Path
from shutil import copy

import pytest

from tests.parts.cli import KEPT

ROOT = Path(__file__).parents[2]
# What `make test` does, first and again: the status that pytest wrote (none if it was killed).
MAKE = """#!/bin/sh
echo "$@" >> calls
case "$*" in
  check) exit {check} ;;
  *--last-failed*) status='{again}' ;;
  *) status='{first}' ;;
esac
mkdir -p build
[ -z "$status" ] || echo "$status" > build/test-status
[ "$status" = 0 ] || exit 2
"""
TESTS = """
import pathlib

mark = pathlib.Path("mark")

def test_well():
    pass

def test_flaky():
    assert mark.exists() or mark.touch()

def test_broken():
    assert False
"""


@pytest.mark.parametrize(
    ("check", "first", "again", "code", "calls"),
    [
        (0, "0", "", 0, 2),
        (2, "0", "", 2, 2),
        (0, "1", "0", 0, 3),
        (2, "1", "0", 2, 3),
        (0, "1", "1", 2, 3),
        (0, "1", "", 2, 3),
        (0, "1", "5", 2, 3),
        (0, "3", "0", 2, 2),
        (0, "5", "0", 2, 2),
        (0, "", "0", 2, 2),
    ],
    ids=[
        "all well",
        "check fails",
        "flaky",
        "check fails, flaky",
        "fails twice",
        "killed when repeated",
        "nothing to repeat",
        "pytest broke",
        "nothing collected",
        "killed",
    ],
)
def test_the_exit_code(
    tmp_path: Path, check: int, first: str, again: str, code: int, calls: int
) -> None:
    """Only tests that failed are repeated, and only their repetition is forgiven; by a fake make."""
    programs = tmp_path / "programs"
    (tmp_path / ".ci").mkdir()
    programs.mkdir()
    script = MAKE.format(check=check, first=first, again=again)
    for name, text in {"make": script, "cron": "", "pgbouncer": "", "python3": ""}.items():
        (programs / name).write_text(text or "#!/bin/sh\n")
        (programs / name).chmod(0o755)
    copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "test-status").write_text(
        "1\n"
    )  # of a run before, which counts for nothing
    env = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run([tmp_path / ".ci" / "run"], env=env, check=False, capture_output=True)
    assert done.returncode == code, done
    assert len((tmp_path / "calls").read_text().splitlines()) == calls


def pytest_run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the tests in `folder` with the plugin."""
    command = [sys.executable, "-m", "pytest", "-p", "tests.parts.again", *arguments]
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    return subprocess.run(
        command,
        cwd=folder,
        env={**env, "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("workers", ["0", "1"])
def test_what_passed_only_when_repeated_is_named(tmp_path: Path, workers: str) -> None:
    """Before pytest's own last line; the status is written, and what fails twice fails."""
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "test_it.py").write_text(TESTS)
    first = pytest_run(tmp_path, "-n", workers)
    assert first.returncode == 1
    assert "REPEATED" not in first.stdout
    assert (tmp_path / "build" / "test-status").read_text() == "1\n"
    again = pytest_run(tmp_path, "-n0", "--last-failed", "--last-failed-no-failures", "none")
    assert again.returncode == 1
    assert "1 PASSED ONLY WHEN REPEATED" in again.stdout
    assert "\nFLAKY test_it.py::test_flaky\n" in again.stdout
    assert "1 failed, 1 passed in" in again.stdout.splitlines()[-1]
