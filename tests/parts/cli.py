"""The command as a user runs it: another process, a clean environment, an empty folder."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.parts.waiting import PATIENCE

KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")
"""All that a run inherits; no DATABASE_URL, no MAINT_…, nothing of a CI or a cluster."""

_LIMIT = """import os, resource as r, sys
r.setrlimit(r.RLIMIT_FSIZE, (int(sys.argv[1]), r.getrlimit(r.RLIMIT_FSIZE)[1]))
os.execv(sys.argv[2], sys.argv[2:])"""


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on standard output."""
        found: dict[str, Any] = json.loads(self.out)
        assert type(found) is dict
        return found


@dataclass
class Maint:
    """Runs `maint` in `folder`."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    """Variables of every run."""
    file_bytes: int | None = None
    """How long a file it may write, as if the disk were full behind that."""
    _started: list[subprocess.Popen[str]] = field(default_factory=list)

    def __call__(
        self, *arguments: str, env: Mapping[str, str] | None = None, timeout: float = PATIENCE
    ) -> Result:
        """Run to the end; over `timeout` seconds the test fails."""
        process = self.start(*arguments, env=env)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"not done in {timeout} s\n{out}\n{err}") from None
        return Result(process.returncode, out, err)

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start it and go on, to signal or kill it; whatever still runs is killed at the end."""
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        process = subprocess.Popen(
            [*self._python(), "-m", "maintcli", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env={**kept, **self.env, **(env or {})},
        )
        self._started.append(process)
        return process

    def _python(self) -> list[str]:
        if self.file_bytes is None:
            return [sys.executable]
        # -B: half a file of bytecode would break every later run.
        return [sys.executable, "-c", _LIMIT, str(self.file_bytes), sys.executable, "-B"]

    def end(self) -> None:
        """Kill what still runs."""
        for process in self._started:
            with suppress(ValueError):  # its pipes were read and closed already
                process.kill()
                process.communicate()
