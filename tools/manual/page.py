"""A file of the documentation that is generated, or that holds a generated part."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAD = "<!-- Made by tools/docs.py from the code; changes here are lost. -->"


@dataclass(frozen=True, slots=True)
class Page:
    """`text` is what `path` has to hold, or, with `part`, what stands there between its marks."""

    path: Path
    text: str
    part: str | None = None

    @property
    def name(self) -> str:
        """The path as a message calls it."""
        return os.path.relpath(self.path, ROOT)

    def wanted(self) -> str:
        """The whole file as it has to be. Raises ValueError where its marks are gone."""
        if self.part is None:
            return f"{HEAD}\n\n{self.text.strip()}\n"
        begin, end = (f"<!-- {self.part}: {word} -->" for word in ("begin", "end"))
        before, found, rest = self._found().partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"{self.name} has lost its marks {begin} and {end}.")
        return f"{before}{begin}\n{self.text.strip()}\n{end}{after}"

    def is_stale(self) -> bool:
        """Whether the file says something else than the code."""
        return self._found() != self.wanted()

    def write(self) -> None:
        """Bring the file up to date."""
        self.path.write_text(self.wanted(), "utf-8")

    def _found(self) -> str:
        return self.path.read_text("utf-8") if self.path.exists() else ""


def table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def code(text: str) -> str:
    """`text` as code; nothing where there is none."""
    return f"`{text}`" if text else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|") or " "
