"""What a batch hands to its archive, and what it gets back for the ledger."""

from typing import Literal, NamedTuple


class Section(NamedTuple):
    """Rows of one relation that a batch is about to delete, or links that it is about to cut.

    A value is what PostgreSQL's output function writes, as bytes; None is NULL. Of `links` the
    first `key` columns find the row, and the others are the old values of SET NULL / SET DEFAULT.
    """

    schema: str
    table: str
    columns: tuple[str, ...]
    kind: Literal["rows", "links"]
    rows: list[tuple[bytes | None, ...]]
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
    `schema.table`, those of links by `schema.table (links)`.
    """

    number: int
    file: str
    sha256: str
    size_bytes: int
    rows: dict[str, int]
    location: str = ""
