"""--database all: every database of the configuration, one after the other."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from maintcli.config.database import DatabaseConfig, no_database
from maintcli.config.model import Config
from maintcli.errors import Code, MaintError, gravest
from maintcli.output.show import show
from maintcli.runtime.shard import Shard


def names(config: Config, part: Shard | None = None) -> list[str]:
    """The databases that have a URL, in the order of their names; of a part every Nth.

    Raises ConfigError where there are none at all.
    """
    found = [n for n, one in config.databases.items() if one.url_origin(config.variables)]
    if not found:
        raise no_database("database")
    return [n for i, n in enumerate(sorted(found)) if part is None or part.has(i)]


def each(
    config: Config,
    act: Callable[[DatabaseConfig], Mapping[str, Any]],
    view: Callable[[Mapping[str, Any]], Sequence[str]],
    *,
    json: bool,
) -> Code:
    """Do something shorter than a run to every database; the gravest code.

    `act` gives what --json shows, `view` makes lines of it.
    """
    found = [_one(config, name, act) for name in names(config)]
    code = gravest(one["exit_code"] for one in found)
    show(
        {"success": code == Code.OK, "exit_code": int(code), "databases": found},
        lambda: [
            f"{one['database']}: {line}"
            for one in found
            for line in ([one["message"]] if one["message"] else view(one))
        ],
        json=json,
    )
    return code


def _one(
    config: Config, name: str, act: Callable[[DatabaseConfig], Mapping[str, Any]]
) -> dict[str, Any]:
    head = {"database": name, "exit_code": Code.OK, "message": ""}
    try:
        return {**head, **act(config.database(name))}
    except MaintError as error:
        return {**head, "exit_code": error.exit_code, "message": str(error)}
