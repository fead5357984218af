"""The options of `maint schedule render` that describe where the jobs will run."""

import inspect
import shlex
import stat
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

import maintcli
from maintcli.cli.options import given
from maintcli.config.load import FILE_NAME
from maintcli.config.messages import sentence
from maintcli.config.model import Config
from maintcli.config.scheduler import KEYS, Settings, check, default, read_settings
from maintcli.errors import Usage
from maintcli.schedules.targets.systemd import is_below_home


class RenderOptions:
    """The options as given; [schedule] of maint.toml stands in for those that were not."""

    def __init__(self, **given: str | None) -> None:
        self._given = {name: value for name, value in given.items() if value is not None}

    def settings(self, config: Config) -> Settings:
        """What the targets get: options, then [schedule], then the defaults of Settings.

        Raises Usage for an option and ConfigError for a key that no scheduler could use.
        """
        flags = {name.replace("_", "-"): value for name, value in self._given.items()}
        for name, value in flags.items():
            try:
                check(name, value)
            except ValueError as error:
                raise Usage(sentence(f"--{name}: {error}")) from None
        found = {**read_settings(config.scheduler), **flags}
        settings = Settings(
            **{name.replace("-", "_"): value for name, value in found.items()},
            config=config.text,
            elsewhere=_elsewhere(config),
            is_home=_is_home(config.cwd),
        )
        return settings._replace(
            hidden=service_fault(settings.command),
            config_file=_on_the_machine(config, settings.variables),
        )


def _is_home(folder: Path) -> bool:
    """Whether `folder` is the repository of maint, or a fork of it."""
    try:
        found = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    project = found.get("project")
    return (
        isinstance(project, dict)
        and ("name", "maintcli") in cast("dict[str, object]", project).items()
    )


def _on_the_machine(config: Config, variables: str) -> str:
    """Where the jobs find the settings: as named, if by a whole path, else next to the variables.

    The machine that renders may be another one, where the file lies in another folder.
    """
    if config.path is None:
        return ""
    if Path(config.file).is_absolute():
        return str(config.path)
    return str(Path(variables).parent / config.path.name)


def _elsewhere(config: Config) -> str:
    """The file's name, where a run needs what it says and would not find it from the root."""
    is_there = config.path is None or config.path == config.cwd / FILE_NAME
    return "" if is_there or not config.is_needed_by_runs else config.file


def render_options() -> list[inspect.Parameter]:
    """One for each key of [schedule] that the targets get."""
    parameters: list[inspect.Parameter] = []
    for name, key in KEYS.items():
        notes = [*([f"default: {default(name)}"] if default(name) else [])]
        notes.append(f"toml: [schedule] {name}")
        text = f"{key.help}  [{'; '.join(notes)}]"
        field = name.replace("-", "_")
        parameters.append(given(field, str, f"--{name}", metavar=key.metavar, help=text))
    return parameters


_MOST_LINKS: Final = 40
_MOST_BYTES: Final = 4096  # of a script, to see what runs it


def service_fault(command: str) -> str:
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
