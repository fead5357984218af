"""Another program, run for what it prints: bounded in time and in size, with nobody to ask."""

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from errno import ENOENT
from typing import Final, NamedTuple

from maintcli.config.messages import mask
from maintcli.errors import ConfigError, Unreachable
from maintcli.runtime.log import printable

SECONDS: Final = 30.0
_MOST_BYTES: Final = 16 * 1024 * 1024
_LONGEST: Final = 200
_ENVIRONMENT: Final = {"LC_ALL": "C.UTF-8", "GH_PROMPT_DISABLED": "1", "NO_COLOR": "1"}


class Said(NamedTuple):
    """How it ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def reason(self) -> str:
        """The last line of its complaint, in which tools say what is wrong."""
        lines = [line.strip() for line in self.err.splitlines() if line.strip()]
        last = printable(mask(lines[-1])).rstrip(".?!") if lines else f"it ended with {self.code}"
        return f"{last[:_LONGEST]}…" if len(last) > _LONGEST else last


def run(*command: str, seconds: float = SECONDS) -> Said:
    """Run `command` to its end.

    Raises ConfigError where it is not installed, Unreachable where it takes longer or prints too
    much.
    """
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(  # noqa: S603 - the names of tools are ours
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **_ENVIRONMENT},
                start_new_session=True,  # no terminal to ask on; and all its children can be ended
            )
        except OSError as error:
            reason = "it is not installed" if error.errno == ENOENT else error.strerror
            raise ConfigError(
                f"{command[0]} is needed for that and cannot be run: {reason}. Install it, or hand"
                " over what it prints elsewhere: --deployed FILE."
            ) from None
        out = _read(process, command, seconds)
        errors.seek(0)
        return Said(process.returncode, _text(out), _text(errors.read(_MOST_BYTES)))


def _read(process: subprocess.Popen[bytes], command: Sequence[str], seconds: float) -> bytes:
    late = threading.Event()

    def end() -> None:
        late.set()
        _kill(process)

    timer = threading.Timer(seconds, end)
    timer.start()
    try:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        with process.stdout as pipe:
            out = pipe.read(_MOST_BYTES + 1)
        if len(out) <= _MOST_BYTES:
            process.wait()
    finally:
        timer.cancel()
        _kill(process)
    if late.is_set():
        raise failed(command, f"it took longer than {seconds:g} s")
    if len(out) > _MOST_BYTES:
        raise failed(command, "it printed more than 16 MiB")
    return out


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(OSError):  # it and its children have ended
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def failed(command: Sequence[str], reason: str) -> Unreachable:
    """The error for a command that gives no answer."""
    return Unreachable(f"The command {' '.join(command)!r} did not answer: {reason}.")


def needed(*command: str) -> str:
    """What it prints, which must succeed. Raises ConfigError and Unreachable."""
    said = run(*command)
    if said.code:
        raise failed(command, said.reason)
    return said.out


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
