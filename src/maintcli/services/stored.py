"""What every place for files shares: how it lists a file, when it is full, and its errors."""

import errno
from datetime import datetime
from typing import NamedTuple

from maintcli.errors import ConfigError, Refused

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Stored(NamedTuple):
    """A file as `walk` lists it; `modified_at` is in UTC."""

    key: str
    size_bytes: int
    modified_at: datetime


def is_full(error: OSError) -> bool:
    """Whether a disk, a quota, or the size of a file has come to its end.

    A place that fails may work at the next try; one that is full does not.
    """
    return error.errno in _FULL


def damaged(file: str, reason: str) -> Refused:
    """The error for a file that is not what was put there."""
    return Refused(f"{file} is not as it was archived: {reason}. Nothing of it was restored.")


def full(place: str, reason: str) -> ConfigError:
    """The error for a place that has no room left: no second try makes room."""
    return ConfigError(
        f"{place} has no room for more: {reason}. No row was deleted that is not kept there. Make"
        " room, or name another place, and run again: it goes on from here."
    )
