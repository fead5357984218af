"""Telling a place that is full from one that fails: only the second may work at the next try."""

import errno

from maintcli.errors import ConfigError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def is_full(error: OSError) -> bool:
    """Whether a disk, a quota, or the size of a file has come to its end."""
    return error.errno in _FULL


def full(place: str, reason: str) -> ConfigError:
    """The error for a place that has no room left: no second try makes room."""
    return ConfigError(
        f"{place} has no room for more: {reason}. No row was deleted that is not kept there. Make"
        " room, or name another place, and run again: it goes on from here."
    )
