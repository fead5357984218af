"""Names for CronJobs: DNS labels of at most 52 characters, since a Job's name adds 11 to them.

48 where it is an Indexed Job, whose pods have the number of their part behind.
"""

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

from maintcli.schedules.entry import Entry

MOST_CHARACTERS: Final = 52
MOST_OF_INDEXED: Final = 48
_NOT_IN_A_LABEL: Final = re.compile(r"[^a-z0-9]+")
_HASH_CHARACTERS: Final = 8
_OTHER_FILES: Final = ("kustomization", "example-readyz")


def names(entries: Sequence[Entry]) -> dict[tuple[str, int], str]:
    """A name for each expression of each entry, by the entry's key and the expression's number.

    They depend on the keys alone: a changed schedule changes a CronJob and makes no new one.
    """
    keys = {entry.key for entry in entries}
    found: dict[tuple[str, int], str] = {}
    for entry in entries:
        for number in range(len(entry.expressions)):
            wanted = entry.key if number == 0 else f"{entry.key}-{number + 1}"
            taken = keys - {entry.key} if number else ()
            most = MOST_OF_INDEXED if entry.parallelism > 1 else MOST_CHARACTERS
            found[entry.key, number] = label(wanted, (*_OTHER_FILES, *taken), most=most)
    return found


def label(text: str, taken: Iterable[str] = (), *, most: int = MOST_CHARACTERS) -> str:
    """`text` where it is a label and not taken; else the nearest, told apart by a hash."""
    plain = _NOT_IN_A_LABEL.sub("-", text.lower()).strip("-")
    if plain == text and len(text) <= most and text not in taken:
        return text
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_CHARACTERS]
    room = most - _HASH_CHARACTERS - 1
    return f"{plain[:room].rstrip('-') or 'job'}-{digest}"
