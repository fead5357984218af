"""Whether a service of systemd, which sees no home and is a user of its own, can start maint."""

import shlex
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import maintcli
from maintcli.schedules.targets.systemd import is_below_home

_MOST_LINKS: Final = 40
_MOST_BYTES: Final = 4096  # of a script, to see what runs it


def fault(command: str) -> str:
    """Why it could not start `command` on this machine, as a clause; blank where it could."""
    for path in _needed(Path(command)):
        if not is_below_home(str(path)):
            continue
        if not is_below_home(command):
            return f"{command} leads to {path}, which ProtectHome=yes hides"
        closed = next((one for one in reversed(path.parents) if _is_closed(one)), None)
        if closed:
            return f"{path} is in {closed}, into which the service's own user may not look"
    return ""


def _needed(command: Path) -> Iterator[Path]:
    """The files that take part: where links lead, and the Python that runs the script."""
    yield from _followed(command)
    python = _interpreter(command)
    if python is not None:
        yield from _followed(python)
    if str(python) == sys.executable:
        yield Path(maintcli.__file__)


def _followed(path: Path) -> Iterator[Path]:
    """`path`, each link that it leads to, and the file at the end."""
    last = path
    try:
        for _ in range(_MOST_LINKS):
            yield path
            if not path.is_symlink():
                break
            path = path.parent / path.readlink()
        yield last.resolve()
    except (OSError, RuntimeError):  # a circle of links, a name too long: nothing to be followed
        return


def _interpreter(command: Path) -> Path | None:
    """What its first line names; pip writes a second one where that would be too long."""
    try:
        if not command.is_file():  # opening a pipe would wait for who writes
            return None
        with command.open("rb") as file:
            lines = file.read(_MOST_BYTES).decode(errors="replace").splitlines()
        if not lines or not lines[0].startswith("#!"):
            return None
        if lines[0] == "#!/bin/sh" and lines[1:] and lines[1].startswith("'''exec' "):
            return Path(shlex.split(lines[1])[1])
        return Path(lines[0].removeprefix("#!").split()[0])
    except (OSError, ValueError, IndexError):
        return None


def _is_closed(folder: Path) -> bool:
    try:
        return not folder.stat().st_mode & stat.S_IXOTH
    except FileNotFoundError:
        return False  # it is on another machine
    except OSError:
        return True
