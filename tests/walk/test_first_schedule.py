"""docs/first-schedule.md: every command is taken from the page and run, where a machine can"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Generator, Mapping
from pathlib import Path

import psycopg
import pytest
import yaml

from tests.parts.cli import KEPT
from tests.parts.cron import beside, cron
from tests.parts.folders import short_folder
from tests.parts.tools import prints, tool
from tests.parts.waiting import until
from tests.schedules.readers import read
from tests.schedules.test_github import SHA, lint
from tests.walk.page import commands

Conn = psycopg.Connection[tuple[object, ...]]
ROOT = Path(__file__).parents[2]
PAGE = commands(ROOT / "docs" / "first-schedule.md")
BIN = Path(sys.executable).parent
FIRST = "Install, and look"

UNRUN = {
    "sudo python3 -m venv /opt/maint": "make does it for the tests, offline in another place",
    "sudo /opt/maint/bin/pip install .": "needs a package index",
    "sudo ln -s /opt/maint/bin/maint /usr/local/bin/maint": "this machine is not ours",
    "systemctl daemon-reload": "systemd is not at work in a container",
    "systemctl enable --now maint-cleanup-sessions.timer": "the same",
    "docker build --tag ghcr.io/OWNER/maint:0.1.0 /path/to/the/checkout": "test_image.py runs its steps",
    "docker push ghcr.io/OWNER/maint:0.1.0": "needs a registry",
}
"""Commands that no test can run, and why."""


class Walk:
    """A shell in a folder of its own, in which the page is followed."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.enter: list[str] = []
        self.places = {
            "postgresql://USER:PASSWORD@HOST/NAME": url,
            "OWNER/maint@SHA": f"acme/maint@{SHA}",
            "ghcr.io/OWNER/": "ghcr.io/acme/",
            "/etc/": f"{folder}/etc/",
            "git@github.com:YOU/REPOSITORY.git": f"{folder}/remote.git",
        }
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        self.env = {**kept, "HOME": str(folder), "PATH": f"{BIN}:{kept['PATH']}:/usr/sbin"}

    def __call__(self, *blocks: str, fails: bool = False) -> str:
        """What the commands print; each must succeed."""
        where = self.folder / "jobs" if (self.folder / "jobs").exists() else self.folder
        lines = [line for block in blocks for line in block.splitlines() if line not in UNRUN]
        script = "\n".join([f"cd {shlex.quote(str(where))}", *lines])
        for theirs, ours in self.places.items():
            script = script.replace(theirs, ours)
        done = subprocess.run(
            [*self.enter, "sh", "-euc", script],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert bool(done.returncode) is fails, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def stand_in(self, name: str, answers: Mapping[str, str]) -> None:
        """A tool that answers in place of the real one."""
        tool(self.folder / "bin", name, answers)
        self.env["PATH"] = (
            f"{self.folder / 'bin'}:{self.env['PATH'].removeprefix(f'{self.folder}/bin:')}"
        )


@pytest.fixture
def walk(db: str, conn: Conn) -> Generator[Walk]:
    """The first part of the page, done: one session was stale, and is gone."""
    conn.execute("INSERT INTO active_sessions VALUES ('s', 'k', now() - interval '1 h')")
    conn.execute("UPDATE maint_migrations SET applied_at = now()")
    with short_folder() as folder:
        found = Walk(folder, db)
        said = found(*PAGE[FIRST])
        assert "would delete 1 row" in said
        assert conn.execute("SELECT count(*) FROM active_sessions").fetchone() == (0,)
        yield found


def test_what_is_not_run_stands_in_the_page() -> None:
    """So that nobody forgets one here that is there no longer."""
    lines = {line for blocks in PAGE.values() for block in blocks for line in block.splitlines()}
    assert UNRUN.keys() <= lines
    assert [*PAGE] == [
        FIRST,
        "cron",
        "systemd",
        "GitHub Actions",
        "Kubernetes",
        "Railway",
        "Render",
        "Afterwards",
    ]


@pytest.mark.slow
def test_cron(walk: Walk, conn: Conn) -> None:
    """Debian's cron starts the job, and the ledger has seen it."""
    install, afterwards = PAGE["cron"]
    query = "SELECT count(*) FROM job_runs WHERE origin = 'cron' AND outcome = 'success'"
    with cron("", user="root") as pid:
        walk.enter = beside(pid)
        assert "Looked at: crontab deployed.\nAll agree.\n" in walk(install)
        until(lambda: conn.execute(query).fetchone() != (0,), "cron has started it", seconds=180)
        said = walk(afterwards)
    assert "cron" in said
    assert "Looked at: crontab deployed, ledger.\nAll agree.\n" in said


def test_systemd(walk: Walk) -> None:
    """systemd finds nothing wrong with the units; they and the secret come to where they belong."""
    render, install, check = PAGE["systemd"]
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed: apt-get install systemd")
    etc = walk.folder / "etc"
    (etc / "systemd" / "system").mkdir(parents=True)
    walk(render)
    walk(install)
    assert (etc / "maint" / "database-url").stat().st_mode & 0o777 == 0o600
    assert (etc / "maint" / "database-url").read_text().startswith("postgresql://")
    units = {path.name: path.read_text() for path in (etc / "systemd" / "system").iterdir()}
    assert "maint-cleanup-sessions.timer" in units
    shown = "\n".join(f"Id={name}\nActiveState=active\nUnitFileState=enabled\n" for name in units)
    walk.stand_in(
        "systemctl",
        {
            "list-unit-files": prints("".join(f"{name} enabled enabled\n" for name in units)),
            " cat ": prints("\n".join(f"# /etc/systemd/system/{n}\n{t}" for n, t in units.items())),
            " show ": prints(shown),
        },
    )
    assert "Looked at: systemd deployed, ledger.\nAll agree.\n" in walk(check)


def test_github(walk: Walk) -> None:
    """The workflow that is pushed passes actionlint and zizmor; the password is not with it."""
    push, switch_on = PAGE["GitHub Actions"]
    remote = walk.folder / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", remote], check=True)
    for key, value in (("NAME", "A"), ("EMAIL", "a@example.com")):
        walk.env |= {f"GIT_AUTHOR_{key}": value, f"GIT_COMMITTER_{key}": value}
    walk(push)
    clone = walk.folder / "clone"
    subprocess.run(["git", "clone", "--quiet", "-b", "main", remote, clone], check=True)
    names = {path.name for path in clone.rglob("*") if path.is_file() and ".git/" not in str(path)}
    assert names == {"maint.toml", "maintenance.yml"}
    lint(clone)
    text = (clone / ".github" / "workflows" / "maintenance.yml").read_text()
    walk.stand_in(
        "gh",
        {
            "--method PUT": prints("{}"),
            "secret set": "true",
            "variable set": "true",
            "actions/workflows": prints(json.dumps({"state": "active"})),
            "contents/": prints(json.dumps({"content": _base64(text)})),
            "actions/variables": prints(json.dumps({"name": "MAINT_ENABLED", "value": "true"})),
        },
    )
    said = walk(switch_on)
    assert "Looked at: github files, github deployed, ledger.\nAll agree.\n" in said


def _base64(text: str) -> str:
    from base64 import b64encode

    return b64encode(text.encode()).decode()


def test_kubernetes(walk: Walk) -> None:
    """Kustomize builds the base, and the check agrees with what a cluster would have of it."""
    before, go = PAGE["Kubernetes"]
    real = shutil.which("kubectl")
    if real is None:
        pytest.skip("kubectl is not installed")
    built = f"{walk.folder}/built.yaml"
    answers = {
        "create namespace": "true",
        "create secret": f"cat > {walk.folder}/secret",
        "kustomize deploy": f"{real} kustomize deploy/kubernetes > {built}; cat {built}",
        "apply": "true",
        "get cronjobs": f"cat {walk.folder}/built.json",
    }
    walk.stand_in("kubectl", answers)
    walk(before)
    secret = (walk.folder / "secret").read_text()
    assert secret == secret.strip()
    assert secret.startswith("postgresql://")
    go, mark, check = go.partition("maint schedule check")
    walk(go)
    manifests = [
        one for one in yaml.safe_load_all(Path(built).read_text()) if one["kind"] == "CronJob"
    ]
    (walk.folder / "built.json").write_text(json.dumps({"kind": "List", "items": manifests}))
    assert {one["metadata"]["namespace"] for one in manifests} == {"jobs"}
    said = walk(mark + check)
    assert "Looked at: kubernetes files, kubernetes deployed, ledger." in said
    assert "All agree.\n" in said


@pytest.mark.parametrize("target", ["Railway", "Render"])
def test_platforms(walk: Walk, target: str) -> None:
    """Their files start the cleanup, and hold no password."""
    said = walk(*PAGE[target], *PAGE["Afterwards"])
    name = target.lower()
    assert said.count(f"Looked at: {name} files, ledger.\nAll agree.\n") == 2
    folder = walk.folder / "jobs" / "deploy"
    texts = {path.name: path.read_text() for path in folder.rglob("*") if path.is_file()}
    found = {one.key: one for one in read(name, texts)}
    assert found["cleanup-sessions"].job == "cleanup-sessions"
    assert "cleanup-opt-outs" not in found
    assert not [text for text in texts.values() if "postgresql://" in text]
