"""Which tables a real run changes, in its log: before the first row, and at its end how many."""

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from maintcli.engines.base.target import Target
from maintcli.engines.base.words import many, moment
from maintcli.runtime.log import Log


class Verb(NamedTuple):
    """What is done to rows, while it is and afterwards."""

    doing: str
    done: str


DELETE, UPDATE = Verb("deleting", "deleted"), Verb("updating", "updated")


@contextmanager
def naming(
    log: Log, rows: Iterable[str], counts: Callable[[], Mapping[str, int]], verb: Verb = DELETE
) -> Generator[None]:
    """Name `rows`, then at the end, however it comes, the rows of each table in `counts`."""
    for one in dict.fromkeys(rows):
        log.info(f"{verb.doing} {one}")
    try:
        yield
    finally:
        for table, number in counts().items():
            log.info(f"{verb.done} {many(number)} of {table}")


def stale(target: Target, *, with_rule: bool = False) -> str:
    """The rows that `target` calls stale."""
    return f"rows of {old(target, with_rule=with_rule)}"


def old(target: Target, *, with_rule: bool = False) -> str:
    """The table and its cutoff; `with_rule` tells it from those of other rules."""
    title = target.title if with_rule else target.table
    return f"{title} older than {moment(target.cutoff)}{target.whose}"
