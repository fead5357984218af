"""The coming times of several entries, in one order."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import NamedTuple

from maintcli.schedules.cron import each_time
from maintcli.schedules.entry import Entry


class Due(NamedTuple):
    """An entry, and when it is to be started, in UTC."""

    at: datetime
    entry: Entry


def coming(entries: Sequence[Entry], after: datetime, count: int) -> list[Due]:
    """The first `count` starts strictly after `after`; those of one moment by their keys."""
    streams = (_dues(entry, after) for entry in entries)
    ordered = merge(*streams, key=lambda due: (due.at, due.entry.key))
    return list(islice(ordered, count))


def following(entries: Sequence[Entry], after: datetime) -> list[Due]:
    """The next start of each, in their order; without those that are never due again."""
    return [due for entry in entries if (due := next(_dues(entry, after), None))]


def _dues(entry: Entry, after: datetime) -> Iterator[Due]:
    """Each moment once, though two of its expressions may mean it."""
    last = None
    for at in merge(*(each_time(one, entry.zone, after) for one in entry.expressions)):
        if at != last:
            yield Due(at, entry)
        last = at
