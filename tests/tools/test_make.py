"""The Makefile and the requirements that it installs."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.parts.cli import KEPT

ROOT = Path(__file__).parents[2]
REQUIREMENTS = [ROOT / "requirements" / name for name in ("run.txt", "demo.txt", "dev.txt")]


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make here, untouched by the make that runs the tests."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed: apt-get install make")
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env=env, check=False, capture_output=True, text=True
    )


def pinned(path: Path) -> dict[str, str]:
    """The version of each package in a file of requirements."""
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", path.read_text(), re.MULTILINE))


def test_make_alone_says_what_there_is() -> None:
    """Every goal that is explained, and nothing is made."""
    found = make()
    assert found.returncode == 0
    for goal in ("demo", "test", "check", "bench", "chaos", "clean", "help"):
        assert f"\nmake {goal} " in f"\n{found.stdout}"


@pytest.mark.parametrize(
    ("script", "sentence"),
    [("exit 1", "is older than Python 3.11"), (None, "There is no ")],
    ids=["old", "missing"],
)
def test_a_python_that_will_not_do_is_named(
    tmp_path: Path, script: str | None, sentence: str
) -> None:
    """One sentence that says what to do, and no half-made environment."""
    python, env = tmp_path / "python", tmp_path / "env"
    if script:
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
    found = make("test", f"PYTHON={python}", f"VENV={env}")
    assert found.returncode == 2
    assert sentence in found.stderr.splitlines()[0]
    assert "make test PYTHON=" in found.stderr
    assert not env.exists()


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.stem)
def test_requirements_are_pinned_by_hash_and_name_no_host(path: Path) -> None:
    """Whichever index serves them, it must serve these files."""
    text = path.read_text()
    assert "://" not in text
    assert not re.search(r"^\s*-(-index|-extra|-find|i |f )", text, re.MULTILINE)
    for block in re.split(r"\n(?=\S)", text):
        assert "--hash=sha256:" in block, block


def test_requirements_have_what_the_project_wants() -> None:
    """A package added to pyproject.toml and not to requirements/ would not be installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    core = [*project["project"]["dependencies"], *groups["build"]]
    extras = project["project"]["optional-dependencies"]
    run, demo, dev = map(pinned, REQUIREMENTS)
    assert {name(wish) for wish in [*core, *extras["mail"], *extras["storage"]]} <= set(run)
    assert {name(wish) for wish in [*core, *extras["embedded"]]} <= set(demo)
    assert {name(wish) for wish in [*groups["test"], *groups["check"]]} <= set(dev)
    assert run.items() <= dev.items()  # one environment has all three
    assert demo.items() <= dev.items()


def name(wish: str) -> str:
    """The package of a line such as `psycopg[binary]>=3.2`."""
    found = re.match(r"[\w.-]+", wish)
    assert found
    return found[0].lower()
