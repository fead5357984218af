"""What a sweep has to show."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Swept:
    """The figures of a sweep; in a dry run `deleted_count` is what a real run would delete.

    `locked_count` rows were stale and left, because others held them locked. `null_count` rows
    have no time and are kept. Both, and `remaining_count`, are None where counting took too long.
    """

    deleted_count: int
    locked_count: int
    null_count: int | None
    remaining_count: int | None
    batches: int
    cutoff: str
    plan: str

    @property
    def remaining(self) -> str:
        """The remaining rows in words."""
        if self.remaining_count is None:
            return "more than were counted"
        return f"{self.remaining_count:,}"
