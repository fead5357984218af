"""Putting the rows of a run back, all its parts together, batch by batch, the last one first.

That undoes the run step by step. A parent was removed with its children or after them, so it is
back before they are, or with them.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from typing import Any, TypeVar

import psycopg

from maintcli.config.duration import duration
from maintcli.config.option import Kind, Option
from maintcli.db import names
from maintcli.db.sqlstate import Transient
from maintcli.engines.archive.ledger import Kept
from maintcli.engines.archive.reader import Block
from maintcli.engines.base.retry import retryable
from maintcli.engines.restore import compare, report
from maintcli.engines.restore.batch import insert_into, transaction, whole_file
from maintcli.engines.restore.load import load_missing
from maintcli.engines.restore.preview import preview
from maintcli.engines.restore.report import Counters, Restored
from maintcli.engines.restore.source import Inventory, Source, find_source, take_inventory
from maintcli.engines.restore.tables import Archived, Tables, find_tables
from maintcli.errors import Partial, Usage
from maintcli.runtime.context import Context, Job, common
from maintcli.services.stored import damaged
from maintcli.words import many

_LEFT_ROWS = 200_000  # rows without a key in one transaction
_MOST_FAILURES = 8  # in a row, of one transaction
_TIMEOUT = duration("6h")
T = TypeVar("T")


def restore(context: Context, *, run: str, only: str | None, moved: str | None) -> Restored:
    """Put back what `run` archived, of one table where `only` names it.

    Raises Partial when some rows could not go back, ConfigError and Refused before the first
    one, and what else errors.py has for databases and storage.
    """
    found = find_source(context, run, moved)
    wanted = _wanted(only)
    held = take_inventory(context, found, wanted)
    if only is not None and found.files and not held.files:
        held_tables = ", ".join(sorted({name for kept in found.files for name in kept.rows}))
        raise Usage(f"--table {only}: the archive has none of it, but of {held_tables}.")
    then = [shape for manifest in found.manifests for shape in manifest.tables]
    roots = {shape.key: shape.root for shape in then if shape.root}
    tables = find_tables(context.session, {*held.rows, *held.links}, roots)
    listed = {shape.key for shape in then}
    compare.check_ordinary(tables, listed, vouched=found.schema is not None)
    context.session.admit_code_on(one.relation.oid for one in tables.values())
    for manifest in found.manifests:
        compare.check(held, tables, manifest.tables)
    report.triggers(context, held, tables)
    if context.dry_run:
        return preview(context, found, held, tables, wanted)
    return _Restore(context, found, held, tables, wanted, found.marked(context)).run()


def _wanted(only: str | None) -> Callable[[Block], bool]:
    if only is None:
        return lambda _block: True
    name = names.split(only, "--table")
    return lambda block: block.table == name.table and name.schema in (None, block.schema)


@dataclass(slots=True)
class _Restore:
    """A restore in progress. `left` are rows without a key, by table, which are restored last."""

    context: Context
    source: Source
    held: Inventory
    tables: Tables
    wanted: Callable[[Block], bool]
    marked: Mapping[str, frozenset[str]]
    counters: Counters = field(default_factory=Counters)
    left: Counter[Archived] = field(default_factory=Counter[Archived])

    def run(self) -> Restored:
        """Restore every file, then the rows without a key that are left.

        Those that an earlier restore put back are looked for before more of them go back.
        """
        self._each_part(self._earlier(), self._look_for)
        for kept in self.held.files:
            counters, left = self._safely(partial(self._restore_file, kept))
            self.left.update(left)
            self._note(counters)
        self._each_part(self.left, self._restore_left)
        return self._end()

    def _each_part(
        self, counts: Counter[Archived], action: Callable[[Archived, tuple[int, int]], Counters]
    ) -> None:
        for archived, count in counts.items():
            parts = ceil(count / _LEFT_ROWS)
            for number in range(parts):
                self._note(self._safely(partial(action, archived, (number, parts))))

    def _earlier(self) -> Counter[Archived]:
        """Upper bounds of the rows without a key that went back in an earlier restore, by table."""
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

    def _restore_file(self, kept: Kept) -> tuple[Counters, Counter[Archived]]:
        with self.source.opened(kept) as blocks:
            wanted, marks = filter(self.wanted, blocks), self.source.marks(kept)
            try:
                return whole_file(self.context, self.tables, wanted, marks)
            except psycopg.errors.BadCopyFileFormat as error:
                what = error.diag.message_primary
                raise damaged(kept.file, f"a row cannot be read ({what})") from None

    def _look_for(self, archived: Archived, share: tuple[int, int]) -> Counters:
        counters, table = Counters(), self.tables[archived]
        with transaction(self.context) as (connection, _):
            blocks = self._blocks(archived)
            _, missing, counters.existing = load_missing(connection, table, blocks, share)
            counters.missing[table.name] += missing
        return counters

    def _restore_left(self, archived: Archived, share: tuple[int, int]) -> Counters:
        counters, table = Counters(), self.tables[archived]
        with transaction(self.context) as (connection, progress):
            blocks = self._blocks(archived)
            one, missing, counters.existing = load_missing(connection, table, blocks, share)
            if one is not None:
                insert_into(counters, connection, [(one, missing)])
            progress.rows = counters.restored.total()
        return counters

    def _blocks(self, archived: Archived) -> Iterator[Block]:
        """Blocks with rows of a table; with the ledger only those that went back earlier."""
        for kept in self.held.files:
            for block in self.source.blocks(kept):
                counts = self.source.schema is None or self._is_marked(kept, block)
                if block.kind == "rows" and (block.schema, block.table) == archived and counts:
                    yield block

    def _note(self, counters: Counters) -> None:
        self.counters.add(counters)
        self.context.counts |= report.figures(
            self.counters
        )  # known from now on, however the run ends
        share = self.counters.files / len(self.held.files)
        self.context.order.progress(self.counters.restored.total(), share)

    def _end(self) -> Restored:
        result = self.counters.result
        self.context.counts |= report.figures(self.counters)
        report.refused(self.context, self.counters)
        report.missing(self.context, self.source, self.counters)
        report.stale(self.context, self.source, result)
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
        """Do `action`; retry transient errors. No row is inserted twice: each row is looked up."""
        context, failures = self.context, 0
        while True:
            try:
                return action()
            except psycopg.Error as error:
                failures += 1
                why = retryable(context, error)
                if failures >= _MOST_FAILURES or why is Transient.CANCELED:
                    raise
                context.stop.wait(0.1 * failures)


def _body(context: Context, values: Mapping[str, Any]) -> Restored:
    return restore(context, run=values["run"], only=values["table"], moved=values["from"])


JOB = Job(
    name="restore",
    summary="Put back the rows that a run archived and removed.",
    description="Put back the rows that a run archived and removed.",
    group="Operating",
    schedule=None,
    timeout=_TIMEOUT,
    can_dry_run=True,
    options=(
        Option(name="run", kind=Kind.TEXT, configurable=False),
        Option(name="table", kind=Kind.TEXT, configurable=False),
        Option(name="from", kind=Kind.TEXT, configurable=False),
    ),
    common=common(_TIMEOUT),
    body=_body,
)
