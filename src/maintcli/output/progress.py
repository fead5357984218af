"""Progress on a terminal, for work that takes long enough to wonder."""

import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from maintcli.runtime.context import Hear

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_PATIENCE_SECONDS = 1.0


@contextmanager
def shown(job: str) -> Generator[Hear]:
    """Give a listener that draws a bar on stderr once a second has passed; rich comes only then."""
    began, bar = time.monotonic(), _Bar(job)

    def hear(rows: int, share: float | None) -> None:
        if time.monotonic() - began > _PATIENCE_SECONDS:
            bar.draw(rows, share)

    with bar.ending:
        yield hear


class _Bar:
    def __init__(self, job: str) -> None:
        self.job = job
        self.ending = ExitStack()
        self._drawn: tuple[Progress, TaskID] | None = None

    def draw(self, rows: int, share: float | None) -> None:
        progress, task = self._drawn = self._drawn or self._begin()
        total = None if share is None else 1.0
        progress.update(task, total=total, completed=share or 0.0, rows=f"{rows:,} rows")

    def _begin(self) -> "tuple[Progress, TaskID]":
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rows]}")
        console = Console(file=sys.stderr)
        progress = Progress(*columns, TimeElapsedColumn(), console=console, transient=True)
        self.ending.enter_context(progress)
        return progress, progress.add_task(self.job, total=None, rows="")
