"""The code of a page of docs/recipes, to be run as a reader would."""

import re
from pathlib import Path

from tests.parts.inside import Inside

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_FOLDER = Path(__file__).parents[2] / "docs" / "recipes"


def code(page: str, language: str) -> str:
    """All that docs/recipes/`page`.md has in `language`; never nothing."""
    text = (_FOLDER / f"{page}.md").read_text("utf-8")
    parts = [part for found, part in _FENCE.findall(text) if found == language]
    assert parts, f"{page}.md has no {language}"
    return "\n".join(parts)


def configured(inside: Inside, page: str) -> Inside:
    """The command with the page's maint.toml in force."""
    (inside.folder / "maint.toml").write_text(code(page, "toml"))
    return inside
