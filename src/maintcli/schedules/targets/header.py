"""The line by which a rendered file is known again: its own path, and what made it."""

from itertools import takewhile


def header(path: str, target: str) -> str:
    """A comment for the file at `path` below the folder of `target`."""
    return f"# {path}: rendered from maint.toml: maint schedule render --target {target}"


def is_ours(path: str, target: str, text: str) -> bool:
    """Whether `text` begins as a file rendered to `path` does; a copy under another name is none.

    Somebody may have changed it since, but then under the line that says who made it.
    """
    comments = takewhile(lambda line: not line or line.startswith("#"), text.splitlines())
    return header(path, target) in comments
