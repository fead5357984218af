"""Running a command as a scheduler would: a plain environment, and the time it took."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_KEPT = ("HOME", "LANG", "PATH", "TMPDIR", "LD_LIBRARY_PATH", "MAINT_EMBEDDED_BIN")
MAINT = Path(sys.executable).parent / "maint"


class FailedError(Exception):
    """A command that had to succeed did not; its text is what it said."""


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that a command gets: nothing that changes how Python starts or compiles."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | dict(extra or {})


def output(
    command: Sequence[str | Path], extra: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str:
    """Run `command` and return what it printed."""
    done = subprocess.run(
        [str(part) for part in command],
        check=False,
        capture_output=True,
        text=True,
        env=environment(extra),
        cwd=cwd or "/",
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        raise FailedError(f"{command[0]}: {done.returncode}: {done.stderr or done.stdout}")
    return done.stdout


def seconds(
    command: Sequence[str | Path], extra: Mapping[str, str] | None = None, cwd: Path | None = None
) -> float:
    """Run `command`; the time from its start to its end."""
    began = time.perf_counter()
    output(command, extra, cwd)
    return time.perf_counter() - began
