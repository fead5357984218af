"""The tour of `maint demo`: real commands, each a process with an exit code of its own."""

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from maintcli.errors import Code, Fail
from maintcli.output.out import put

_KEPT = {"PATH", "HOME", "TZ", "TMPDIR", "TERM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"}
_KEPT_PREFIXES = ("LANG", "LC_", "PYTHON", "LD_", "DYLD_")


@dataclass(frozen=True, slots=True)
class Step:
    """A command, what to see in its output, and the exit code that it must have."""

    see: str
    command: str
    code: Code = Code.OK


STEPS = (
    Step("The toolkit's own tables: leases, heartbeats, and the ledger of all runs.", "db migrate"),
    Step(
        "A schema to play with; about 30,000 of its sessions are stale.",
        "db example --sessions 50000",
    ),
    Step(
        "A dry run names the plan, the cutoff and the rows, and can change nothing.",
        "cleanup-sessions --dry-run",
    ),
    Step(
        "The real run deletes just as many, in short batches, and says what was removed.",
        "cleanup-sessions",
    ),
    Step("The same again: nothing to do is a success, too.", "cleanup-sessions"),
    Step(
        "Zero would make every session stale, so a guard refuses it before anything is touched.",
        "cleanup-sessions --stale-after 0",
        Code.REFUSED,
    ),
    Step("The refusal counts as a failure until the next success, and says why.", "status"),
    Step("The ledger has every run but the dry one, which leaves no trace.", "history"),
)


def take(database_url: str, folder: Path, steps: Sequence[Step] = STEPS) -> None:
    """Take the tour in `folder`. Raises Fail at the first exit code that is not the right one."""
    env = _environment(os.environ, database_url)
    for number, step in enumerate(steps, start=1):
        put(f"\n[{number}/{len(steps)}] {step.see}\n$ maint {step.command}\n")
        code = _run(shlex.split(step.command), env, folder)
        put(f"=> exit code {code}\n")
        if code != int(step.code):
            expected = f"{int(step.code)} ({step.code.meaning})"
            reason = f"maint {step.command} ended with exit code {code} where {expected} was due."
            raise Fail(reason)


def _run(arguments: Sequence[str], env: Mapping[str, str], folder: Path) -> int:
    # -P: nothing that lies in a folder is imported because we stand in it.
    command = [sys.executable, "-P", "-m", "maintcli", *arguments]
    return subprocess.run(  # noqa: S603  no shell, and the words are our own
        command,
        check=False,
        env=env,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,  # a tour is one text
    ).returncode


def _environment(given: Mapping[str, str], database_url: str) -> dict[str, str]:
    """Nothing that could lead a command elsewhere: no MAINT_…, no PG…, nothing of a CI."""
    kept = {
        name: value
        for name, value in given.items()
        if name in _KEPT or name.startswith(_KEPT_PREFIXES)
    }
    return {**kept, "DATABASE_URL": database_url}
