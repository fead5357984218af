"""Jobs of other packages: trusted when the configuration lists their distribution."""

from functools import cache

from maintcli import catalog
from maintcli.catalog import Entry
from maintcli.errors import ConfigError


def commands() -> dict[str, Entry]:
    """The plugin jobs whose distribution the configuration lists; for --help and list."""
    return {name: entry for name, (_, entry, listed) in _installed().items() if listed}


def find(name: str) -> Entry | None:
    """The plugin job called `name`; raises ConfigError for one that is not listed."""
    if name not in _installed():
        return None
    distribution, entry, listed = _installed()[name]
    if not listed:
        raise ConfigError(
            reason=f"{name} comes from the package {distribution}, which the configuration does not trust."
            f' Add it to maint.toml: plugins = ["{distribution}"]'
        )
    return entry


@cache
def _installed() -> dict[str, tuple[str, Entry, bool]]:
    """By command: its distribution, its entry, and whether the distribution is listed."""
    points = list(catalog.plugins())
    if not points:
        return {}
    from maintcli.cli.execute import read_config

    listed = read_config({}).plugins
    return {
        name: (
            distribution,
            Entry(target, f"(from the package {distribution})", catalog.PLUGIN_GROUP),
            catalog.is_listed(distribution, listed),
        )
        for distribution, name, target in points
    }
