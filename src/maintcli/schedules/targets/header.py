"""The line by which a rendered file is known again, and the one below which it is the user's."""

from itertools import takewhile
from typing import Final

KEPT: Final = "## kept below"  # the comments of what is rendered begin with a single #


def header(path: str, target: str) -> str:
    """A comment for the file at `path` below the folder of `target`."""
    return f"# {path}: rendered from maint.toml: maint schedule render --target {target}"


def is_ours(path: str, target: str, text: str) -> bool:
    """Whether `text` begins as a file rendered to `path` does; a copy under another name is none.

    Somebody may have changed it since, but then under the line that says who made it.
    """
    comments = takewhile(lambda line: not line or line.startswith("#"), text.splitlines())
    return header(path, target) in comments


def split(text: str) -> tuple[str, str]:
    """The rendered part, and what follows from the line `## kept below` on."""
    lines = text.splitlines(keepends=True)
    at = next((n for n, line in enumerate(lines) if line.rstrip() == KEPT), None)
    if at is None:
        return text, ""
    return "".join(lines[:at]).rstrip() + "\n", "\n" + "".join(lines[at:])
