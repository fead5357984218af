"""What an erasure has to show."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Erased:
    """The figures; in a dry run what a real run would do.

    `erased_count` users were stamped, `kept_count` had opted back in by the time they were looked
    at, `locked_count` were left because others held them or rows of theirs locked, and
    `blocked_count` because rows of other tables hold on to theirs. `deleted_count` and `tables` are
    the rows removed, of all users.
    """

    erased_count: int
    deleted_count: int
    kept_count: int
    locked_count: int
    blocked_count: int
    batches: int
    cutoff: str
    tables: dict[str, int]
