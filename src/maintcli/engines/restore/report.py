"""The figures of a restore, and what it says to people."""

import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from maintcli.engines.restore.source import Inventory, Source
from maintcli.engines.restore.tables import Tables
from maintcli.runtime.context import Context
from maintcli.words import many

_MOST_REASONS = 20


@dataclass(frozen=True, slots=True)
class Restored:
    """The figures of a restore; in a dry run what a real one would do.

    `existing_count` rows were there already and stayed as they are. `missing_count` rows have no
    key, went back in an earlier restore, and are not found now. `failed_count` rows could not go
    back. Of the links that the sweep had cut `mended_count` hold their old value again;
    `unmended_count` do not, because the row is gone or was linked to another row since; those that
    held it already are in neither. `tables` are the rows restored of each table.
    """

    restored_count: int
    existing_count: int
    missing_count: int
    failed_count: int
    mended_count: int
    unmended_count: int
    files: int
    tables: dict[str, int]


@dataclass(slots=True)
class Counters:
    """The same while the restore runs; `refused` are rows by table and reason."""

    restored: Counter[str] = field(default_factory=Counter[str])
    existing: int = 0
    missing: Counter[str] = field(default_factory=Counter[str])
    mended: int = 0
    unmended: int = 0
    files: int = 0
    refused: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])

    def refuse(self, table: str, reasons: Mapping[str, int]) -> None:
        """Count rows of `table` that could not go back."""
        for reason, count in reasons.items():
            self.refused[table, reason] += count

    def add(self, other: "Counters") -> None:
        """Count what another transaction did, once it is committed."""
        self.restored.update(other.restored)
        self.refused.update(other.refused)
        self.existing += other.existing
        self.missing.update(other.missing)
        self.mended += other.mended
        self.unmended += other.unmended
        self.files += other.files

    @property
    def result(self) -> Restored:
        """The figures so far."""
        return Restored(
            restored_count=self.restored.total(),
            existing_count=self.existing,
            missing_count=self.missing.total(),
            failed_count=self.refused.total(),
            mended_count=self.mended,
            unmended_count=self.unmended,
            files=self.files,
            tables=dict(self.restored),
        )


def figures(counters: Counters) -> dict[str, Any]:
    """The report's figures so far."""
    return asdict(counters.result)


def triggers(context: Context, held: Inventory, tables: Tables) -> None:
    """Name the user's triggers that a restore fires: they may write, send, or change the rows."""
    lines: set[str] = set()
    for archived, table in tables.items():
        lines |= {f"{table.name}: {t} (INSERT)" for t in table.on_insert if archived in held.rows}
        lines |= {f"{table.name}: {t} (UPDATE)" for t in table.on_update if archived in held.links}
    if lines:
        verb = "would fire" if context.dry_run else "fire"
        context.log.warn(f"these triggers {verb}: {', '.join(sorted(lines))}")


def refused(context: Context, counters: Counters) -> None:
    """Say which rows could not go back, or in a dry run would not, by table and reason."""
    verb = "would not" if context.dry_run else "could not"
    for (table, reason), count in counters.refused.most_common(_MOST_REASONS):
        context.log.warn(f"{many(count)} of {table} {verb} go back: {reason}")


def missing(context: Context, source: Source, counters: Counters) -> None:
    """Say which rows went back earlier and are not found, and how to put them back."""
    if not counters.missing.total():
        return
    last = {kept.run_id: source.moved or kept.location for kept in source.files}
    commands = "; ".join(
        f"maint restore {run_id} --from {shlex.quote(place)} --no-ledger"
        for run_id, place in last.items()
    )
    for table, count in (+counters.missing).items():
        context.log.warn(
            f"{many(count)} of {table} without a key went back in an earlier restore and cannot be"
            " found now (removed or changed since). To put back each row that the table lacks:"
            f" {commands}"
        )


def stale(context: Context, source: Source, result: Restored) -> None:
    """Warn that the next run of the job would remove the rows again."""
    if result.restored_count:
        job = source.manifests[0].job
        context.log.warn(
            f"the rows are as old as they were: the next run of {job} removes them again, unless it"
            f" keeps them longer or is paused (maint pause {job})"
        )
