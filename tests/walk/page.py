"""The commands of a page, under its headings."""

import re
from pathlib import Path

_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(path: Path) -> dict[str, list[str]]:
    """The shell blocks of each section, in their order."""
    _, *pieces = _HEADING.split(path.read_text("utf-8"))
    sections = zip(pieces[::2], pieces[1::2], strict=True)
    return {heading: _SHELL.findall(text) for heading, text in sections}
