"""What every place for files shares: how it lists a file, and when it is full."""

import errno
from datetime import datetime
from typing import NamedTuple

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
