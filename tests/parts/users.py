"""Processes that use an embedded PostgreSQL and end as the test wishes."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from maintcli.devserver.programs import User
from tests.parts.children import identity
from tests.parts.server import Server

SCRIPT = """
import json, sys
from maintcli.devserver import acquire
from maintcli.errors import MaintError
try:
    print(json.dumps(acquire(sys.argv[1])), flush=True)
except MaintError as error:
    print(json.dumps({"error": str(error), "code": error.exit_code}), flush=True)
sys.stdin.read()
"""


IMPORTS = os.pathsep.join(
    path for path in sys.path if path.endswith("site-packages") or Path(path, "maintcli").is_dir()
)
"""PYTHONPATH for another interpreter; what an embedded server needs is pure Python."""


@dataclass(frozen=True)
class EmbeddedUser:
    """A process that has asked for a server and stays until it is told to go."""

    process: subprocess.Popen[str]

    def answer(self) -> dict[str, str]:
        """What `acquire` gave, or its `error` and exit `code`; to be asked once."""
        assert self.process.stdout
        found: dict[str, str] = json.loads(self.process.stdout.readline())
        return found

    def server(self) -> Server:
        """The server that it got; fails when it got none."""
        found = self.answer()
        assert "error" not in found, found
        return Server(host=found["host"], port=found["port"])

    def leave(self) -> None:
        """Let it end in the ordinary way."""
        self.process.communicate()


@contextmanager
def embedded_user(path: str | Path, *, user: User | None = None) -> Generator[EmbeddedUser]:
    """Start such a process, perhaps as another `user`."""
    process = subprocess.Popen(
        [python_for(user), "-c", SCRIPT, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": IMPORTS},
        **identity(user),
    )
    try:
        yield EmbeddedUser(process)
    finally:
        process.kill()
        process.communicate()


def python_for(user: User | None) -> str:
    """A Python that this user can run, since one below a closed home is of no use to others."""
    if user is None:
        return sys.executable
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        with suppress(OSError):
            check = [python, "-c", "from maintcli.devserver.programs import find; find()"]
            env = {**os.environ, "PYTHONPATH": IMPORTS}
            if not subprocess.run(
                check, check=False, cwd="/", env=env, **identity(user)
            ).returncode:
                return python
    pytest.skip("nobody can run no Python with maintcli: make the environment outside of /root")


def refusal(path: str | Path, *, user: User | None = None) -> tuple[str, int]:
    """The sentence and the exit code with which that path is refused."""
    with embedded_user(path, user=user) as one:
        found = one.answer()
    return found["error"], int(found["code"])


def processes_of(folder: Path) -> list[int]:
    """The living processes whose command line names that folder; zombies have none."""
    found: list[int] = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if any(os.fsencode(folder) in word for word in words):
            found.append(int(entry.parent.name))
    return found
