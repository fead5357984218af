"""The names that stand in maint's SQL: its variables, aliases, functions and types."""

import ast
import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

# No column can be called so.
SYSTEM_COLUMNS = {"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"}
_SQL = re.compile(
    r"\b(SELECT|INSERT|UPDATE|DELETE|DECLARE|PERFORM|WHERE|FROM|IF|LOOP|AND|SET)\b|:="
)


@cache
def words() -> tuple[str, ...]:
    """Every word of the constants that look like SQL, but for those that begin with maint_."""
    found: set[str] = set()
    for text in _constants(resources.files("maintcli")):
        found.update(re.findall(r"[a-z_][a-z0-9_]*", text))
    ours = {name for name in found if name.startswith("maint_")}
    return tuple(sorted(found - SYSTEM_COLUMNS - ours))


def _constants(place: "Traversable") -> "Iterator[str]":
    for one in place.iterdir():
        if one.is_dir():
            yield from _constants(one)
        elif one.name.endswith(".py"):
            tree = ast.parse(one.read_text("utf-8"))
            prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and id(node) not in prose:
                    text = str(node.value)
                    if _SQL.search(text) or "maint_" in text:
                        yield text
