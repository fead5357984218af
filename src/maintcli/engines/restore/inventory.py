"""What an archive holds, once every file was read and found whole."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from maintcli.engines.archive.reading import Block
from maintcli.engines.archive.section import Kept
from maintcli.engines.restore.source import Source
from maintcli.engines.restore.table import Archived
from maintcli.runtime.context import Context


@dataclass(slots=True)
class Inventory:
    """`files` have something that is wanted, newest first: a parent went last, and comes first.

    `rows` and `links` are the columns that were archived of each table.
    """

    files: list[Kept] = field(default_factory=list[Kept])
    rows: dict[Archived, tuple[str, ...]] = field(default_factory=dict[Archived, tuple[str, ...]])
    links: dict[Archived, set[str]] = field(default_factory=dict[Archived, set[str]])
    counts: Counter[str] = field(default_factory=Counter[str])

    def note(self, block: Block) -> None:
        """Enter a block."""
        table = block.schema, block.table
        if block.kind == "rows":
            self.rows[table] = block.columns
            self.counts[block.name] += block.size
        else:
            self.links.setdefault(table, set()).update(block.columns)


def take(context: Context, source: Source, wanted: Callable[[Block], bool]) -> Inventory:
    """Read every file, so that a damaged one is found before the first row goes back."""
    found = Inventory()
    for kept in reversed(source.files):
        context.stop.check()
        blocks = [block for block in source.blocks(kept) if wanted(block)]
        if blocks:
            found.files.append(kept)
        for block in blocks:
            found.note(block)
    return found
