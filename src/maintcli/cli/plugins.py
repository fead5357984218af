"""Jobs of other packages: trusted when the configuration lists their distribution."""

from collections.abc import Sequence
from functools import cache

from maintcli import registry
from maintcli.cli.preload import PLACES, given
from maintcli.cli.table import COMMANDS
from maintcli.errors import ConfigError
from maintcli.registry import Entry


def commands() -> dict[str, Entry]:
    """The plugin jobs whose distribution the configuration lists; for --help and completion.

    None where the configuration cannot be read: to say so is for the command that needs it.
    """
    try:
        installed = _installed()
    except ConfigError:
        return {}
    return {name: entry for name, (_, entry, listed) in installed.items() if listed}


def find(name: str, arguments: Sequence[str] = ()) -> Entry | None:
    """The plugin job called `name`; `arguments` may say which configuration is to list it.

    Raises ConfigError for one that is not listed.
    """
    if not any(name == command for _, command, _ in registry.plugins()):
        return None
    distribution, entry, listed = _installed(*(given(arguments, place) for place in PLACES))[name]
    if not listed:
        raise ConfigError(
            f"{name} comes from the package {distribution}, which the configuration does not list."
            f' To trust it, write at the top of maint.toml: plugins = ["{distribution}"]'
        )
    return entry


@cache
def _installed(
    config: str | None = None, env_file: str | None = None
) -> dict[str, tuple[str, Entry, bool]]:
    """By command: its distribution, its entry, and whether the distribution is listed."""
    points = [point for point in registry.plugins() if point[1] not in COMMANDS]
    if not points:
        return {}
    from maintcli.cli.execute import read_config

    listed = read_config({"config": config, "env_file": env_file}).plugins
    return {
        name: (
            distribution,
            Entry(target, f"(from the package {distribution})", registry.PLUGIN_GROUP),
            registry.is_listed(distribution, listed),
        )
        for distribution, name, target in points
    }
