"""What a removal of orphans has to show."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Orphaned:
    """The figures; in a dry run `deleted_count` is what a real run would delete.

    `locked_count` orphans were left because others held them or their parent's table locked.
    `blocked_count` orphans were left because rows of other tables hold on to them. `tables` and
    `pairs` are the rows removed of each table, and for each pair.
    """

    deleted_count: int
    locked_count: int
    blocked_count: int
    batches: int
    cutoff: str
    tables: dict[str, int]
    pairs: dict[str, int]
