"""Every command by name, as strings: nothing is imported to be listed.

Plugins are looked up only where no built-in has the name, and for --help and list.
"""

from collections.abc import Collection, Iterator
from typing import NamedTuple

JOB_GROUPS = ("Sessions",)


class Entry(NamedTuple):
    """A command: where it is defined (`module:object`), its line and its heading in --help."""

    target: str
    summary: str
    group: str


JOBS: dict[str, Entry] = {
    "cleanup-sessions": Entry(
        "maintcli.jobs.cleanup_sessions:cleanup_sessions",
        "Remove sessions that have stopped sending heartbeats.",
        "Sessions",
    ),
}

ENTRY_POINT_GROUP = "maint.jobs"
PLUGIN_GROUP = "Plugins"


def load(entry: Entry) -> object:
    """Import what `entry` points at."""
    from importlib import import_module

    module, _, name = entry.target.partition(":")
    return getattr(import_module(module), name)


def plugins() -> Iterator[tuple[str, str, str]]:
    """Yield (distribution, command, target) of every installed plugin, listed or not."""
    from importlib.metadata import entry_points

    for point in entry_points(group=ENTRY_POINT_GROUP):
        if point.dist is not None and point.name not in JOBS:
            yield point.dist.name, point.name, point.value


def is_listed(distribution: str, listed: Collection[str]) -> bool:
    """Whether the configuration trusts `distribution`; names compare as PEP 503 has it."""
    return _plain(distribution) in {_plain(name) for name in listed}


def _plain(name: str) -> str:
    return "-".join(filter(None, name.lower().replace("_", "-").replace(".", "-").split("-")))
