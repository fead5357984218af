"""Every relative link in the documentation leads to a file, and to a heading of it."""

import re
from collections.abc import Iterator
from pathlib import Path

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def broken(path: Path, name: str) -> Iterator[str]:
    """A sentence for each link of `path` that leads nowhere."""
    for target in _LINK.findall(_FENCE.sub("", path.read_text("utf-8"))):
        file, _, heading = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        found = path.parent / file if file else path
        if not found.exists():
            yield f"{name}: the link to {target} leads to no file."
        elif heading and heading not in _headings(found):
            yield f"{name}: the link to {target} leads to no heading of that file."


def _headings(path: Path) -> set[str]:
    """The anchors that GitHub makes of the headings."""
    text = _FENCE.sub("", path.read_text("utf-8"))
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(text))
    return {heading.strip().replace(" ", "-") for heading in plain}
