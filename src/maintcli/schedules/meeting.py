"""Which entries may be at work at the same time."""

from collections.abc import Sequence
from itertools import combinations

from maintcli.schedules.entry import Entry
from maintcli.schedules.starts import starts


def meeting(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Groups of those that may still be running when another of their group starts."""
    times = {entry.key: starts(entry) for entry in entries}
    groups: list[set[str]] = []
    for one, other in combinations(entries, 2):
        if _meet(one, times[one.key], other, times[other.key]):
            met = [group for group in groups if group & {one.key, other.key}]
            groups = [group for group in groups if group not in met]
            groups.append({one.key, other.key}.union(*met))
    return [[entry for entry in entries if entry.key in group] for group in groups]


def _meet(one: Entry, begins: Sequence[int], other: Entry, others: Sequence[int]) -> bool:
    """Whether the one may still be running when the other starts, or the other way round."""
    events = sorted([(at, 0) for at in begins] + [(at, 1) for at in others])
    until = [float("-inf"), float("-inf")]
    spans = (one.timeout_seconds / 60, other.timeout_seconds / 60)
    for at, which in events:
        until[which] = at + spans[which]
        if at < until[1 - which]:
            return True
    return False
