"""Imports go one way: no circle of files, also not by imports inside of functions."""

import ast
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"


def modules() -> dict[str, Path]:
    """Every file of the package by the name that it is imported by."""
    paths = sorted((SOURCE / "maintcli").rglob("*.py"))
    names = (path.relative_to(SOURCE).with_suffix("").parts for path in paths)
    return {
        ".".join(name).removesuffix(".__init__"): path
        for name, path in zip(names, paths, strict=True)
    }


def imported(node: ast.AST) -> Iterator[str]:
    """What the code of `node` imports when it runs, at any depth, absolute as everywhere here."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "relative imports are not followed"
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            yield from imported(ast.Module(child.orelse, []))
        else:
            yield from imported(child)


def graph() -> dict[str, set[str]]:
    """Which files each file imports, but for what the contracts of import-linter let through."""
    known = modules()
    found = {
        name: {
            file
            for target in imported(ast.parse(path.read_text("utf-8")))
            if (file := target if target in known else target.rpartition(".")[0]) in known
        }
        for name, path in known.items()
    }
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    allowed = (
        one for contract in contracts["contracts"] for one in contract.get("ignore_imports", ())
    )
    for file, _, target in (one.partition(" -> ") for one in allowed):
        found[file].discard(target)
    return found


def circle(imports: Mapping[str, set[str]]) -> list[str]:
    """Files of which each imports the next one, and the last one the first; none where none do."""
    done: set[str] = set()

    def search(path: list[str]) -> list[str]:
        for target in sorted(imports[path[-1]] - done):
            if target in path:
                return path[path.index(target) :]
            if found := search([*path, target]):
                return found
        done.add(path[-1])
        return []

    return next(filter(None, (search([name]) for name in imports if name not in done)), [])


def test_no_circle_of_files() -> None:
    """A reader who starts anywhere comes to an end."""
    assert circle(graph()) == []


def test_a_circle_is_found_wherever_it_is_imported() -> None:
    """At the top, in a function, in an `else` of TYPE_CHECKING; not for types alone."""
    text = """
import a
if TYPE_CHECKING:
    import b
else:
    import c
def function():
    if late:
        from d import e
"""
    assert list(imported(ast.parse(text))) == ["a", "c", "d.e"]
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
