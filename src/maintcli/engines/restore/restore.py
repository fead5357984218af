"""Putting the rows of a run back, all its parts together, batch by batch, the last one first.

That undoes the run step by step. A parent was removed with its children or after them, so it is
back before they are, or with them.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from math import ceil
from typing import TypeVar

import psycopg

from maintcli.db import names
from maintcli.db.sqlstate import Transient
from maintcli.engines.archive.reading import Block
from maintcli.engines.archive.section import Kept
from maintcli.engines.attempt import transient
from maintcli.engines.outlook.words import many
from maintcli.engines.restore import compare, inventory, preview, say, source, table
from maintcli.engines.restore.batch import Tables, insert_into, whole_file
from maintcli.engines.restore.inventory import Inventory
from maintcli.engines.restore.loose import load_missing
from maintcli.engines.restore.result import Restored, Tally
from maintcli.engines.restore.source import Source
from maintcli.engines.restore.table import Archived
from maintcli.engines.restore.transaction import transaction
from maintcli.errors import Partial, Usage
from maintcli.runtime.context import Context
from maintcli.services.storage import damaged

_LEFT_ROWS = 200_000  # rows without a key in one transaction
_MOST_FAILURES = 8  # in a row, of one transaction
T = TypeVar("T")


def restore(context: Context, *, run: str, only: str | None, moved: str | None) -> Restored:
    """Put back what `run` archived, of one table where `only` names it.

    Raises Partial when some rows could not go back, ConfigError and Refused before the first
    one, and what else errors.py has for databases and storage.
    """
    found = source.find(context, run, moved)
    wanted = _wanted(only)
    held = inventory.take(context, found, wanted)
    if only is not None and found.files and not held.files:
        held_tables = ", ".join(sorted({name for kept in found.files for name in kept.rows}))
        raise Usage(f"--table {only}: the archive has none of it, but of {held_tables}.")
    roots = {
        (one["schema"], one["table"]): (one["root"][0], one["root"][1])
        for manifest in found.manifests
        for one in manifest.tables
        if one["root"]
    }
    tables = table.find(context.session, {*held.rows, *held.links}, roots)
    listed = {
        (one["schema"], one["table"]) for found_in in found.manifests for one in found_in.tables
    }
    compare.check_ordinary(tables, listed, vouched=found.schema is not None)
    context.session.admit_code_on(one.shape.oid for one in tables.values())
    for manifest in found.manifests:
        compare.check(held, tables, manifest.tables)
    say.triggers(context, held, tables)
    if context.dry_run:
        return preview.preview(context, found, held, tables, wanted)
    return _Restore(context, found, held, tables, wanted).run()


def _wanted(only: str | None) -> Callable[[Block], bool]:
    if only is None:
        return lambda _block: True
    name = names.split(only, "--table")
    return lambda block: block.table == name.table and name.schema in (None, block.schema)


class _Restore:
    def __init__(
        self,
        context: Context,
        found: Source,
        held: Inventory,
        tables: Tables,
        wanted: Callable[[Block], bool],
    ) -> None:
        self.context = context
        self.source = found
        self.held = held
        self.tables = tables
        self.wanted = wanted
        self.tally = Tally()
        self.left: Counter[Archived] = Counter()
        self.marked = found.marked(context)

    def run(self) -> Restored:
        """Every file, and then what is left of rows without a key.

        Those that an earlier restore put back are looked for before more of them go back.
        """
        self._each_part(self._earlier(), self._look_for)
        for kept in self.held.files:
            tally, left = self._safely(partial(self._restore_file, kept))
            self.left.update(left)
            self._note(tally)
        self._each_part(self.left, self._restore_left)
        return self._end()

    def _each_part(
        self, counts: Counter[Archived], action: Callable[[Archived, tuple[int, int]], Tally]
    ) -> None:
        for archived, count in counts.items():
            parts = ceil(count / _LEFT_ROWS)
            for number in range(parts):
                self._note(self._safely(partial(action, archived, (number, parts))))

    def _earlier(self) -> Counter[Archived]:
        """At most so many rows without a key went back in an earlier restore, by table."""
        found: Counter[Archived] = Counter()
        for kept in self.held.files:
            if not self.marked.get(kept.file):
                continue
            for block in filter(self.wanted, self.source.blocks(kept)):
                archived = block.schema, block.table
                loose = not self.tables[archived].has_certain_key(block.columns)
                if loose and self._is_marked(kept, block):
                    found[archived] += block.size
        return found

    def _is_marked(self, kept: Kept, block: Block) -> bool:
        return block.kind == "rows" and block.name in self.marked.get(kept.file, ())

    def _restore_file(self, kept: Kept) -> tuple[Tally, Counter[Archived]]:
        with self.source.opened(kept) as blocks:
            wanted, marks = filter(self.wanted, blocks), self.source.marks(kept)
            try:
                earlier = self.marked.get(kept.file, frozenset())
                return whole_file(self.context, self.tables, wanted, marks, earlier)
            except psycopg.errors.BadCopyFileFormat as error:
                what = error.diag.message_primary
                raise damaged(kept.file, f"a row cannot be read ({what})") from None

    def _look_for(self, archived: Archived, share: tuple[int, int]) -> Tally:
        tally, table = Tally(), self.tables[archived]
        with transaction(self.context) as (connection, _):
            blocks = self._blocks(archived)
            _, missing, tally.existing = load_missing(connection, table, blocks, share)
            tally.missing[table.name] += missing
        return tally

    def _restore_left(self, archived: Archived, share: tuple[int, int]) -> Tally:
        tally, table = Tally(), self.tables[archived]
        with transaction(self.context) as (connection, progress):
            blocks = self._blocks(archived)
            one, missing, tally.existing = load_missing(connection, table, blocks, share)
            if one is not None:
                insert_into(tally, connection, [(one, missing)])
            progress.rows = tally.restored.total()
        return tally

    def _blocks(self, archived: Archived) -> Iterator[Block]:
        """Its rows; with the ledger those that went back earlier."""
        for kept in self.held.files:
            for block in self.source.blocks(kept):
                counts = self.source.schema is None or self._is_marked(kept, block)
                if block.kind == "rows" and (block.schema, block.table) == archived and counts:
                    yield block

    def _note(self, tally: Tally) -> None:
        self.tally.add(tally)
        self.context.counts |= say.figures(self.tally)  # known from now on, however the run ends
        share = self.tally.files / len(self.held.files)
        self.context.order.progress(self.tally.restored.total(), share)

    def _end(self) -> Restored:
        result = self.tally.result
        self.context.counts |= say.figures(self.tally)
        say.refused(self.context, self.tally)
        say.missing(self.context, self.source, self.tally)
        say.stale(self.context, self.source, result)
        if result.failed_count or result.missing_count:
            reason = (
                f"{result.failed_count:,} rows could not go back; {result.restored_count:,} did,"
                f" and {result.existing_count:,} were there already."
            )
            if result.missing_count:
                reason += (
                    f" {many(result.missing_count)} of an earlier restore cannot be found now."
                )
            raise Partial(reason)
        return result

    def _safely(self, action: Callable[[], T]) -> T:
        """Do `action`, again after what passes: what went back is not put back twice."""
        context, failures = self.context, 0
        while True:
            try:
                return action()
            except psycopg.Error as error:
                failures += 1
                why = transient(context, error)
                if failures >= _MOST_FAILURES or why in (None, Transient.CANCELED):
                    raise
                context.stop.wait(0.1 * failures)
