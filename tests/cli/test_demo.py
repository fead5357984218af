"""`maint demo`: a tour that ends well, whoever takes it, and leaves nothing behind."""

import os
import re
import subprocess
from collections.abc import Generator, Mapping
from pathlib import Path

import pytest

from maintcli.cli.commands import demo as tour
from maintcli.cli.commands.demo import Step
from maintcli.devserver import programs
from maintcli.devserver.programs import server_user
from maintcli.errors import Code, Fail
from tests.parts.children import identity
from tests.parts.cli import KEPT, Maint
from tests.parts.folders import short_folder
from tests.parts.inside import Inside
from tests.parts.users import IMPORTS, processes_of, python_for
from tests.parts.waiting import until

CODES = [int(step.code) for step in tour.STEPS]


@pytest.fixture
def temporary() -> Generator[Path]:
    """The folder for temporary files, with spaces in its path; at the end nothing is in it."""
    with short_folder() as folder:
        found = folder / "temporary files"
        found.mkdir()
        found.chmod(0o1777)
        yield found
        until(lambda: not processes_of(found), "no process is left")
        until(lambda: not list(found.iterdir()), "no file is left")


def codes(text: str) -> list[int]:
    """The exit codes that the tour told."""
    return [int(code) for code in re.findall(r"^=> exit code (\d+)$", text, re.MULTILINE)]


def test_every_step_shows_its_command_and_ends_with_its_own_exit_code(
    maint: Maint, temporary: Path
) -> None:
    """One is a refusal; the real run deletes what the dry run told; the tour ends with 0."""
    found = maint("demo", env={"TMPDIR": str(temporary)})
    assert (found.code, found.err) == (0, "")
    assert codes(found.out) == CODES
    assert CODES.count(Code.REFUSED) == 1
    for step in tour.STEPS:
        assert f"{step.see}\n$ maint {step.command}\n" in found.out
    assert "ERROR cleanup-sessions --stale-after" in found.out
    told, deleted = re.findall(
        r"^cleanup-sessions: .*?deleted? ([\d,]+\d),", found.out, re.MULTILINE
    )
    assert told == deleted


def test_an_ordinary_user_can_take_the_tour(temporary: Path) -> None:
    """Who runs the tests as root lets nobody run it."""
    user = server_user()
    python, env = python_for(user), {name: os.environ[name] for name in KEPT if name in os.environ}
    done = subprocess.run(
        [python, "-m", "maintcli", "demo"],
        check=False,
        capture_output=True,
        text=True,
        cwd=temporary,
        env={**env, "HOME": "/nonexistent", "PYTHONPATH": IMPORTS, "TMPDIR": str(temporary)},
        **identity(user),
    )
    if "No module named" in done.stderr or "no pq wrapper" in done.stderr:
        pytest.skip(f"{python} is not the Python of this environment")
    assert (done.returncode, codes(done.stdout)) == (0, CODES), done.stderr


def test_without_the_extra_it_says_what_to_install(
    inside: Inside, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence, and no folder is left."""
    monkeypatch.setattr(programs, "PACKAGE", "no_such_package")
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    found = inside("demo")
    assert found.code == Code.CONFIG
    assert found.err.count("\n") == 1
    assert "pip install 'maintcli[embedded]'" in found.err


def test_a_wrong_exit_code_ends_the_tour(bare_db: str, tmp_path: Path) -> None:
    """It says which command, what it ended with, and what was due."""
    steps = [Step("no tables", "status"), Step("never taken", "history")]
    with pytest.raises(Fail, match=r"^maint status ended with exit code 78 where 0 \("):
        tour.take(bare_db, tmp_path, steps)


@pytest.mark.parametrize(
    "given",
    [
        {"DATABASE_URL": "postgresql://elsewhere/"},
        {"MAINT_DATABASE": "other", "MAINT_CONFIG": "/etc/maint.toml"},
        {"PGHOST": "elsewhere", "PGPASSWORD": "canary"},
        {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "/summary"},
    ],
)
def test_nothing_leads_a_command_elsewhere(given: Mapping[str, str]) -> None:
    """The user's own database and configuration stay out of it."""
    assert tour._environment(given, "ours") == {"DATABASE_URL": "ours"}
