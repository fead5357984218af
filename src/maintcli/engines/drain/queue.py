"""What a job says about its queue, an item of it, and what became of the item.

The protocol, and what a kill at each point leaves: docs/queues.md.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import uniform
from types import MappingProxyType
from typing import Any, Final, LiteralString, NamedTuple

LONGEST_DELAY: Final = 86_400.0  # a provider may ask for more; the item is tried once a day
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Verdict(StrEnum):
    """What became of an attempt; the names are those of job_attempts.outcome."""

    DONE = "done"
    PERMANENT = "permanent"  # no further attempt can succeed
    TRANSIENT = "transient"  # a later attempt may succeed; counts
    PROVIDER = "provider"  # the provider is down for every item; does not count
    LIMITED = "limited"  # the provider asks to wait; does not count
    UNKNOWN = "unknown"  # it may have taken effect; counts


class Insert(NamedTuple):
    """A row for another table, in the transaction that settles the item.

    Names are the reference schema's. A mapping or a list is written as JSON.
    """

    table: str
    values: Mapping[str, object]


class Result(NamedTuple):
    """What a handler says of an item.

    `message` is kept as the item's error. `retry_after` are the seconds that a provider asks for.
    `values` are further columns to set, `inserts` further rows to write, in the same transaction.
    `again`: the item is not finished, and is to be handed out again after `retry_after` seconds
    without a further attempt counted; with DONE alone.
    """

    verdict: Verdict
    message: str = ""
    retry_after: float | None = None
    values: Mapping[str, object] = _NOTHING
    inserts: Sequence[Insert] = ()
    again: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """A claimed item: `columns` by their names in the reference schema.

    `attempt` counts from 1. `unknown`: the attempt before ended without a known outcome, so that
    this one may repeat what took effect. `seconds` is how long a handler may take.
    """

    key: str
    columns: Mapping[str, Any]
    attempt: int
    unknown: bool
    seconds: float

    def __getitem__(self, column: str) -> Any:
        return self.columns[column]


Handler = Callable[[Item], Result]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """When a failed item is tried again, and after how many attempts it is given up.

    `delays` are seconds after the first, second, … attempt; further ones double up to `longest`.
    """

    attempts: int
    delays: tuple[float, ...]
    longest: float = LONGEST_DELAY
    jitter: float = 0.1

    def delay(self, attempt: int) -> float:
        """Seconds to wait after the attempt of that number, from 1."""
        known = self.delays[min(attempt, len(self.delays)) - 1]
        doubled = known * 2.0 ** min(max(attempt - len(self.delays), 0), 30)
        return min(doubled, self.longest) * uniform(1 - self.jitter, 1 + self.jitter)  # noqa: S311


class Move(NamedTuple):
    """Items that are given up go to another table: its columns, as SQL of the item's."""

    table: str
    values: Mapping[str, LiteralString]


Values = Mapping[str, LiteralString]


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A table whose due rows are items. All names are those of the reference schema.

    The SQL has columns in braces (a time as a timestamptz), statuses (`{'pending'}`), and `{now}`.
    Values may also have `{lease}` (seconds until the claim is void), `{token}` (a uuid of the
    claim), `{delay}` (seconds until the item is due again), `{attempts}`, `{error}` and `{reason}`
    (`attempts`, `permanent` or `expired`, of a give-up), and `{first}`, when the first attempt
    began that reached the provider, or NULL.

    `due` is true of an item that may be claimed, `since` says when it became due, `order` which
    goes first. `columns` are what a handler reads. `count` is the column of attempts.

    `claim`, `done`, `retry`, `give_back` and `give_up` are the values that each step sets; `done`
    None deletes the row. `give_up` may be a Move. A claim holds while the columns of `fence` have
    the values that it left. `expired` is true of items that are given up without a further attempt.

    `lane` is a column whose values fail independently: after `lane_failures` in a row, an outage,
    or a limit, items of that value are left alone for a time.
    """

    table: str
    due: LiteralString
    since: str
    order: tuple[LiteralString, ...]
    columns: tuple[str, ...]
    count: str
    claim: Values
    fence: tuple[str, ...]
    done: Values | None
    retry: Values
    give_back: Values
    give_up: "Values | Move"
    backoff: Backoff
    expired: LiteralString | None = None
    lane: str | None = None
    lane_failures: int | None = None
    least_seconds: float = 1e9
    """No item is started with less time left than this, or than an item's own time if that is
    shorter."""
    ranks: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """The values of a text column from first to last, where the alphabet is not the order."""

    @property
    def steps(self) -> tuple[Values, ...]:
        """The values of every step that updates the row."""
        give_up: tuple[Values, ...] = () if isinstance(self.give_up, Move) else (self.give_up,)
        return (self.claim, self.done or {}, self.retry, self.give_back, *give_up)


@dataclass(frozen=True, slots=True)
class Drained:
    """What a drain did. `oldest_due_seconds` is the age of the oldest item that is left."""

    done_count: int
    retried_count: int
    gave_up_count: int
    possible_duplicate_count: int
    lost_count: int
    oldest_due_seconds: int | None


@dataclass(frozen=True, slots=True)
class WouldDrain:
    """What a dry run saw: how many items are due, and the first of them."""

    due_count: int | None
    oldest_due_seconds: int | None
    first: list[str]
