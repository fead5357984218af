"""Telling a place that is full from one that fails: only the second may work at the next try."""

import errno

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def is_full(error: OSError) -> bool:
    """Whether a disk, a quota, or the size of a file has come to its end."""
    return error.errno in _FULL
