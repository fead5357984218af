"""The options of `maint schedule render` that describe where the jobs will run."""

import inspect
import tomllib
from pathlib import Path
from typing import cast

from maintcli.cli import homes
from maintcli.cli.options import given
from maintcli.config.load import FILE_NAME
from maintcli.config.messages import sentence
from maintcli.config.model import Config
from maintcli.config.scheduler import KEYS, Settings, check, default, read_settings
from maintcli.errors import Usage


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
            hidden=homes.fault(settings.command),
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
