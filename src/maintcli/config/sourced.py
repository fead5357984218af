"""A value that remembers where it came from."""

from typing import Generic, NamedTuple, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Sourced(NamedTuple, Generic[T_co]):
    """A value and its origin in words fit for a message, e.g. `environment DATABASE_URL`.

    `shown` is the value as a report or the ledger may show it: as written, with `${NAME}` not
    filled in and passwords masked. The value itself is kept out of the repr: it may be a secret.
    (Named tuples here and beside: a frozen dataclass costs each start a millisecond.)
    """

    value: T_co
    origin: str
    shown: str = ""

    def __repr__(self) -> str:
        return f"Sourced(origin={self.origin!r}, shown={self.shown!r})"
