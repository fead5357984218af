"""What a walk is asked for, batch by batch."""

from collections.abc import Sequence
from typing import NamedTuple


class Bite(NamedTuple):
    """One batch, in bites of about `size` blocks or rows.

    `skip_locked` leaves rows that others hold locked, and counts them. `small`: the last try met
    its time limit. Of the first `most_shown` rows the columns in `show` are to come back. `limited`
    deletes no more than maint_most.
    """

    size: float
    skip_locked: bool = False
    small: bool = False
    show: Sequence[str] = ()
    most_shown: int = 0
    limited: bool = False
