"""Running a command as a scheduler would: a plain environment, and the time it took."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bench import quiet

_KEPT = ("HOME", "LANG", "PATH", "TMPDIR", "LD_LIBRARY_PATH", "MAINT_EMBEDDED_BIN")
MAINT = Path(sys.executable).parent / "maint"


class FailedError(Exception):
    """A command that had to succeed did not; its text is what it said."""


class Ran(NamedTuple):
    """What a command printed, the seconds from its start to its end, and when that was."""

    text: str
    seconds: float
    ended: float  # Unix seconds


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that a command gets: nothing that changes how Python starts or compiles."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | dict(extra or {})


def run(
    command: Sequence[str | Path], extra: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Ran:
    """Run `command` to its end; it is watched what others took of the processors meanwhile."""
    with quiet.timed():
        began = time.perf_counter()
        done = subprocess.run(
            [str(part) for part in command],
            check=False,
            capture_output=True,
            text=True,
            env=environment(extra),
            cwd=cwd or "/",
            stdin=subprocess.DEVNULL,
        )
        took, ended = time.perf_counter() - began, time.time()
    if done.returncode != 0:
        raise FailedError(f"{command[0]}: {done.returncode}: {done.stderr or done.stdout}")
    return Ran(done.stdout, took, ended)


def output(
    command: Sequence[str | Path], extra: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str:
    """Run `command` and return what it printed."""
    return run(command, extra, cwd).text


def seconds(
    command: Sequence[str | Path], extra: Mapping[str, str] | None = None, cwd: Path | None = None
) -> float:
    """Run `command`; the time from its start to its end."""
    return run(command, extra, cwd).seconds
