"""One file of an archive put back: one transaction."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from psycopg import sql

from maintcli.db.connect import Connection
from maintcli.runtime.context import Context
from maintcli.work.archive.ledger import Marks
from maintcli.work.archive.reading import Block
from maintcli.work.restore import loose
from maintcli.work.restore.insert import insert
from maintcli.work.restore.links import mend
from maintcli.work.restore.load import Loaded, copy, make
from maintcli.work.restore.result import Tally
from maintcli.work.restore.table import Archived, Table
from maintcli.work.restore.transaction import transaction

Tables = Mapping[Archived, Table]


def whole_file(
    context: Context,
    tables: Tables,
    blocks: Iterable[Block],
    marks: Marks | None,
) -> tuple[Tally, Counter[Archived]]:
    """Put back a file's rows and links.

    The ledger marks a file whose rows without a key have gone back. Without the ledger they are
    left for later, and counted by table.
    """
    with transaction(context) as (connection, progress):
        batch = _Batch(connection, context.session.path, tables, marks)
        batch.marked = marks.read(connection) if marks else frozenset()
        for block in blocks:
            batch.load(block)
        insert_into(batch.tally, connection, batch.rows)
        for one, count in batch.links:
            batch.mend(one, count)
        if marks and batch.to_mark:
            marks.write(connection, batch.to_mark)
        progress.rows = batch.tally.restored.total() + batch.tally.mended
    return batch.tally, batch.left


def insert_into(tally: Tally, connection: Connection, rows: Sequence[tuple[Loaded, int]]) -> None:
    """Insert loaded rows, so many of each table, and count what became of them."""
    outcome = insert(connection, [one for one, _ in rows])
    for number, (one, count) in enumerate(rows):
        refused = outcome.refused[number]
        tally.existing += outcome.existing[number]
        tally.restored[one.table.name] += outcome.inserted[number]
        rest = count - outcome.existing[number] - outcome.inserted[number] - refused.total()
        refused["a trigger or a rule kept it out"] += max(0, rest)
        tally.refuse(one.table.name, +refused)


@dataclass(slots=True)
class _Batch:
    """What is loaded, with counts; what is to be marked; what is left for later."""

    connection: Connection
    path: sql.Composable
    tables: Tables
    marks: Marks | None
    marked: frozenset[str] = frozenset()
    tally: Tally = field(default_factory=lambda: Tally(files=1))
    rows: list[tuple[Loaded, int]] = field(default_factory=list[tuple[Loaded, int]])
    links: list[tuple[Loaded, int]] = field(default_factory=list[tuple[Loaded, int]])
    to_mark: set[str] = field(default_factory=set[str])
    left: Counter[Archived] = field(default_factory=Counter[Archived])

    def load(self, block: Block) -> None:
        table = self.tables[block.schema, block.table]
        one = make(self.connection, len(self.rows) + len(self.links), table, block)
        copy(self.connection, one, block.pieces)
        if block.kind == "links":
            self.links.append((one, block.size))
        else:
            self.rows.append((one, block.size - self._set_aside(one, block)))

    def _set_aside(self, one: Loaded, block: Block) -> int:
        """Take away the rows without a key, unless it is known that they have to go back."""
        if one.table.has_certain_key(one.columns):
            return 0
        if self.marks and block.name not in self.marked:
            self.to_mark.add(block.name)
            return 0
        taken = loose.without_loose(self.connection, one)
        if taken and not self.marks:
            self.left[block.schema, block.table] += taken
        return taken

    def mend(self, one: Loaded, count: int) -> None:
        mended = mend(self.connection, one, self.path)
        self.tally.mended += mended.rows
        self.tally.refuse(one.table.name, mended.refused)
        self.tally.unmended += count - mended.rows - mended.refused.total() - mended.whole
