"""docs/commands.md: every command with every option."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

from manual.page import ROOT, Page, code, table
from manual.tree import Node, nodes

_COMMON = 4  # an option that stands alike in so many commands is described once

_INTRODUCTION = """
# Commands

Options stand after the command: `maint cleanup-sessions --dry-run`. Each command explains itself
with `--help`. `maint --version` prints the version; `maint --install-completion` sets up completion
for the current shell. What the exit codes mean: [exit-codes.md](exit-codes.md). Where a value comes
from when no option gives it: [configuration.md](configuration.md).
"""


class Row(NamedTuple):
    """An option or argument, as the table has it."""

    names: str
    meaning: str
    default: str
    variable: str
    key: str


def page() -> Page:
    """The page as the code has it."""
    found = [(node, [_row(p) for p in node.command.params]) for node in nodes()]
    counts = Counter(row for _, rows in found for row in rows)
    common = [row for row, times in counts.items() if times >= _COMMON]
    parts = [_INTRODUCTION.strip()]
    for group, members in groupby(found, key=lambda pair: pair[0].group):
        parts += [f"## {group}", *(_command(*member, common) for member in members)]
    parts += ["## Options that many commands take", _table(common)]
    return Page(ROOT / "docs" / "commands.md", "\n\n".join(parts))


def _command(node: Node, rows: Sequence[Row], common: Sequence[Row]) -> str:
    own = [row for row in rows if row not in common]
    shared = [code(row.names) for row in rows if row in common]
    parts = [f"### {node.name}", (node.command.help or "").strip()]
    parts += [_table(own)] if own else []
    parts += [f"Also: {', '.join(shared)}."] if shared else []
    return "\n\n".join(parts)


def _table(rows: Sequence[Row]) -> str:
    """Columns that would be empty are left out."""
    heads = ("option", "meaning", "default", "variable", "key in maint.toml")
    kept = [n for n in range(len(heads)) if n < 2 or any(row[n] for row in rows)]
    lines = [tuple(row[n] if n == 1 else code(row[n]) for n in kept) for row in rows]
    return table(tuple(heads[n] for n in kept), lines)


def _row(parameter: Any) -> Row:
    meaning, _, notes = (parameter.help or "").partition("  [")
    known = dict(note.split(": ", 1) for note in notes.removesuffix("]").split("; ") if note)
    default = known.get("default", "")
    if not default and isinstance(parameter.default, int | float | str):
        default = "" if isinstance(parameter.default, bool) else f"{parameter.default}"
    return Row(_names(parameter), meaning, default, known.get("env", ""), known.get("toml", ""))


def _names(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        name = (parameter.metavar or parameter.name.upper()).strip("[].")
        more = "..." if parameter.nargs == -1 else ""
        return f"{name}{more}" if parameter.required else f"[{name}]{more}"
    names = ", ".join(sorted(parameter.opts, key=len))
    others = ", ".join(parameter.secondary_opts)
    metavar = "" if parameter.is_flag else parameter.metavar or ""
    return f"{names}{' / ' if others else ''}{others} {metavar}".rstrip()
