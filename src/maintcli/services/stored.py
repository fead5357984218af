"""A file that is kept somewhere, and what all places say of it alike."""

import errno
from datetime import datetime
from typing import Final, NamedTuple

from maintcli.errors import ConfigError, Refused

_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Stored(NamedTuple):
    """A file as `walk` lists it; `modified_at` is in UTC."""

    key: str
    size_bytes: int
    modified_at: datetime


def damaged(file: str, reason: str) -> Refused:
    """The error for a file that is not what was put there."""
    return Refused(f"{file} is not as it was archived: {reason}. Nothing of it was restored.")


def full(place: str, reason: str) -> ConfigError:
    """The error for a place that has no room left, which another try does not change."""
    return ConfigError(
        f"{place} is full: {reason}. Every deleted row is safe in the archive. Make room, or name"
        " another place, and run again: it continues from here."
    )


def is_full(error: OSError) -> bool:
    """Whether a disk, a quota, or the size of a file has reached its limit.

    A place that fails may work at the next try; one that is full does not.
    """
    return error.errno in _FULL
