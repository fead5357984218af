"""Which entries may be at work at the same time."""

import math
from collections.abc import Sequence

from maintcli.schedules.entry import Entry
from maintcli.schedules.starts import starts

_DAY = 1440
_MINUTES = 33 * _DAY  # a month, and a day on either side for the zones


def meeting(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Groups of those that may still be running when another of their group starts."""
    groups: list[tuple[int, set[str]]] = []
    for entry in entries:
        busy, keys = _busy(entry), {entry.key}
        met = [group for group in groups if group[0] & busy]
        groups = [group for group in groups if group not in met]
        for minutes, others in met:
            busy |= minutes
            keys |= others
        groups.append((busy, keys))
    found = ([entry for entry in entries if entry.key in keys] for _, keys in groups)
    return [group for group in found if len(group) > 1]


def _busy(entry: Entry) -> int:
    """The minutes of the month in which it may be running, each a bit, the first the highest.

    Whole minutes are enough: where two meet, the later of them starts in such a minute.
    """
    begins = bytearray(b"0" * _MINUTES)
    for at in starts(entry):
        begins[at + _DAY] = ord("1")
    busy, covered = int(begins, base=2), 1
    length = math.ceil(entry.timeout_seconds / 60)
    while covered < length:
        more = min(covered, length - covered)
        busy |= busy >> more
        covered += more
    return busy
