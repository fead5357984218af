"""What a restore says to people."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from maintcli.runtime.context import Context
from maintcli.work.outlook.words import many
from maintcli.work.restore.inventory import Inventory
from maintcli.work.restore.result import Restored, Tally
from maintcli.work.restore.source import Source
from maintcli.work.restore.table import Archived, Table

_MOST_REASONS = 20


def figures(tally: Tally) -> dict[str, Any]:
    """The report's figures so far."""
    return asdict(tally.result)


def triggers(context: Context, held: Inventory, tables: Mapping[Archived, Table]) -> None:
    """Name the user's triggers that a restore fires: they may write, send, or change the rows."""
    lines: set[str] = set()
    for archived, table in tables.items():
        lines |= {f"{table.name}: {t} (INSERT)" for t in table.on_insert if archived in held.rows}
        lines |= {f"{table.name}: {t} (UPDATE)" for t in table.on_update if archived in held.links}
    if lines:
        verb = "would fire" if context.dry_run else "fire"
        context.log.warn(f"these triggers {verb}: {', '.join(sorted(lines))}")


def refused(context: Context, tally: Tally) -> None:
    """Say which rows could not go back, or in a dry run would not, by table and reason."""
    verb = "would not" if context.dry_run else "could not"
    for (table, reason), count in tally.refused.most_common(_MOST_REASONS):
        context.log.warn(f"{many(count)} of {table} {verb} go back: {reason}")


def stale(context: Context, source: Source, result: Restored) -> None:
    """What is back is as old as it was."""
    if result.restored_count:
        job = source.manifests[0].job
        context.log.warn(
            f"the rows are as old as they were: the next run of {job} removes them again, unless it"
            f" keeps them longer or is paused (maint pause {job})"
        )
