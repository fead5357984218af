"""The figures of an update of stale rows, and of a reap."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Updated:
    """The figures of an update; in a dry run `updated_count` is what a real run would update.

    `locked_count` stale rows were left, because other sessions held them locked. `null_count` rows
    have no time and are kept; it is None where counting took too long.
    """

    updated_count: int
    locked_count: int
    null_count: int | None
    batches: int
    cutoff: str


@dataclass(frozen=True, slots=True)
class Reaped:
    """The figures of a reap: jobs put back to pending, and jobs given up.

    `locked_count` jobs were left, because other sessions held them locked; `null_count` are running
    and have no time, and are kept (None: counting took too long).
    """

    updated_count: int
    requeued_count: int
    failed_count: int
    locked_count: int
    null_count: int | None
    batches: int
    cutoff: str
