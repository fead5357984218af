"""Every command by name, as strings: nothing is imported to be listed.

Plugins are looked up only where no built-in has the name, and for --help and list.
"""

from collections.abc import Collection, Iterator
from typing import NamedTuple

JOB_GROUPS = ("Sessions", "Billing", "Queues", "Analytics", "Retention", "Upkeep")


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
    "cleanup-old-sessions": Entry(
        "maintcli.jobs.cleanup_old_sessions:cleanup_old_sessions",
        "Remove conversations that nobody has touched lately.",
        "Sessions",
    ),
    "cleanup-usage-counters": Entry(
        "maintcli.jobs.cleanup_usage_counters:cleanup_usage_counters",
        "Remove usage counters of periods long over.",
        "Billing",
    ),
    "cleanup-abandoned-jobs": Entry(
        "maintcli.jobs.cleanup_abandoned_jobs:cleanup_abandoned_jobs",
        "Remove document runs that were never started.",
        "Queues",
    ),
    "reconcile-stragglers": Entry(
        "maintcli.jobs.reconcile_stragglers:reconcile_stragglers",
        "Put jobs back whose runner has died.",
        "Queues",
    ),
    "cleanup-queues": Entry(
        "maintcli.jobs.cleanup_queues:cleanup_queues",
        "Delete finished rows of the queues that you name.",
        "Queues",
    ),
    "cleanup-old-analytics": Entry(
        "maintcli.jobs.cleanup_old_analytics:cleanup_old_analytics",
        "Remove old analytics events and daily totals.",
        "Analytics",
    ),
    "cleanup-run-history": Entry(
        "maintcli.jobs.cleanup_run_history:cleanup_run_history",
        "Delete old rows of maint's own run history.",
        "Upkeep",
    ),
    "cleanup-opt-outs": Entry(
        "maintcli.jobs.cleanup_opt_outs:cleanup_opt_outs",
        "Erase what is held of users who opted out.",
        "Retention",
    ),
    "cleanup-orphans": Entry(
        "maintcli.jobs.cleanup_orphans:cleanup_orphans",
        "Remove rows whose parent is gone.",
        "Retention",
    ),
    "retention-cleanup": Entry(
        "maintcli.jobs.retention_cleanup:retention_cleanup",
        "Delete rows that [[retention]] rules no longer keep.",
        "Retention",
    ),
}

ENTRY_POINT_GROUP = "maint.jobs"
PLUGIN_GROUP = "Plugins"
CONFIGURED_GROUP = "Configured sweeps"
TRIGGER_GROUP = "Triggers"


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
