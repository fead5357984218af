"""A command line as it stands in a file, and which job of maint it runs."""

import shlex


def split(text: str) -> list[str]:
    """The words after `maint`: a job and its options. Empty where `text` runs something else.

    Raises ValueError for a quotation mark that is left open.
    """
    words = shlex.split(text)
    if not words or words[0].rpartition("/")[2] != "maint":
        return []
    return words[1:]
