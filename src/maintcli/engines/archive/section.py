"""What a batch hands to its archive, and what it gets back for the ledger."""

from collections.abc import Iterable
from typing import Literal, NamedTuple


class Section(NamedTuple):
    """Rows of one relation that a batch is about to delete, or links that it is about to cut.

    A value is what PostgreSQL's output function writes, as bytes; None is NULL. `rows`
    may come from the server while they are written; they are read once. Of `links` the first `key`
    columns find the row, and the others are the old values of SET NULL / SET DEFAULT.
    """

    schema: str
    table: str
    columns: tuple[str, ...]
    kind: Literal["rows", "links"]
    rows: Iterable[tuple[bytes | memoryview | None, ...]]
    key: int = 0

    @property
    def name(self) -> str:
        """`schema.table`, as reports show it; links are told apart."""
        name = f"{self.schema}.{self.table}"
        return name if self.kind == "rows" else f"{name} (links)"


class Kept(NamedTuple):
    """A file that holds a batch, durably. It counts once the ledger names it.

    `number` belongs to this attempt alone: a batch that is sent again gets another file. `file` is
    its key below `location`, blank where there was nothing to keep; `rows` are counts by
    `schema.table`, those of links by `schema.table (links)`. `manifest_sha256` is what the ledger
    has of the run's manifest; None where it was entered by an older version.
    """

    number: int
    file: str
    sha256: str
    size_bytes: int
    rows: dict[str, int]
    location: str = ""
    manifest_sha256: str | None = None

    @property
    def run_id(self) -> str:
        """Whose file it is: it lies in the folder of its run."""
        return self.file.partition("/")[0]
