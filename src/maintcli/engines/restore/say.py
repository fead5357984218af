"""What a restore says to people."""

import shlex
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from maintcli.engines.base.words import many
from maintcli.engines.restore.inventory import Inventory
from maintcli.engines.restore.result import Restored, Tally
from maintcli.engines.restore.source import Source
from maintcli.engines.restore.table import Archived, Table
from maintcli.runtime.context import Context

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


def missing(context: Context, source: Source, tally: Tally) -> None:
    """Say which rows went back earlier and are not found, and how to put them back."""
    if not tally.missing.total():
        return
    last = {kept.run_id: source.moved or kept.location for kept in source.files}
    commands = "; ".join(
        f"maint restore {run_id} --from {shlex.quote(place)} --no-ledger"
        for run_id, place in last.items()
    )
    for table, count in (+tally.missing).items():
        context.log.warn(
            f"{many(count)} of {table} without a key went back in an earlier restore and cannot be"
            " found now (removed or changed since). To put back each row that the table lacks:"
            f" {commands}"
        )


def stale(context: Context, source: Source, result: Restored) -> None:
    """What is back is as old as it was."""
    if result.restored_count:
        job = source.manifests[0].job
        context.log.warn(
            f"the rows are as old as they were: the next run of {job} removes them again, unless it"
            f" keeps them longer or is paused (maint pause {job})"
        )
