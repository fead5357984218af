"""The live command tree, walked command by command."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from typer.main import get_command

from maintcli import registry
from maintcli.cli.app import app
from maintcli.registry import COMMAND_GROUPS


@dataclass(frozen=True, slots=True)
class Node:
    """A command: its words after `maint`, its heading in --help, and Typer's own object."""

    words: tuple[str, ...]
    group: str
    command: Any

    @property
    def name(self) -> str:
        """As it is typed."""
        return " ".join(("maint", *self.words))


def root() -> Any:
    """`maint` itself."""
    return get_command(app)


def nodes() -> Iterator[Node]:
    """Every command that can be run, in the order of --help; plugins are left out."""
    promises = list(root().commands.values())
    for group in (*registry.JOB_GROUPS, *COMMAND_GROUPS):
        for promise in promises:
            if promise.group == group:
                yield from _below(Node((promise.name,), group, promise.load()))


def _below(node: Node) -> Iterator[Node]:
    children = getattr(node.command, "commands", None)
    if children is None:
        yield node
        return
    for name, child in children.items():
        yield from _below(Node((*node.words, name), node.group, child))
