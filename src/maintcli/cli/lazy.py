"""Commands that are listed without being imported."""

from collections.abc import Callable
from typing import Any

from typer.core import TyperCommand


class LazyCommand(TyperCommand):
    """A promise of a command: known by name and summary, loaded when it is called or completed."""

    def __init__(self, name: str, summary: str, group: str, loader: Callable[[], Any]) -> None:
        super().__init__(name, short_help=summary, help=summary)
        self.group = group
        self.load = loader

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Load the real command and hand over: the context is its own."""
        return self.load().make_context(info_name, args, parent=parent, **extra)
