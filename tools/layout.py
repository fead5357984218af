"""Print how large each package is, and fail where files import one another in a circle.

`python tools/layout.py` counts files, lines and functions below src/maintcli. An import inside a
function counts as one at the top; one for types alone does not. Which package may import which is
import-linter's to say.
"""

import ast
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
HEADS = ("package", "files", "lines", "median", "longest", "functions", "median", "longest")

Imports = Mapping[str, set[str]]


def modules() -> dict[str, Path]:
    """Every file of the package, by the name that it is imported by."""
    paths = sorted((SOURCE / "maintcli").rglob("*.py"))
    names = (".".join(path.relative_to(SOURCE).with_suffix("").parts) for path in paths)
    return {name.removesuffix(".__init__"): path for name, path in zip(names, paths, strict=True)}


def imported(node: ast.AST) -> Iterator[str]:
    """What the code of `node` imports when it runs, at any depth."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            yield from imported(ast.Module(child.orelse, []))
        else:
            yield from imported(child)


def imports() -> dict[str, set[str]]:
    """Which files each file imports, without what the contracts of import-linter let through."""
    known = modules()
    found = {
        name: {
            file
            for target in imported(ast.parse(path.read_text("utf-8")))
            if (file := target if target in known else target.rpartition(".")[0]) in known
        }
        for name, path in known.items()
    }
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    for contract in linter["contracts"]:
        for allowed in contract.get("ignore_imports", ()):
            file, _, target = allowed.partition(" -> ")
            found[file].discard(target)
    return found


def circle(found: Imports) -> list[str]:
    """Files of which each imports the next, and the last the first; empty where there are none."""
    done: set[str] = set()

    def search(path: list[str]) -> list[str]:
        for target in sorted(found[path[-1]] - done):
            if target in path:
                return path[path.index(target) :]
            if met := search([*path, target]):
                return met
        done.add(path[-1])
        return []

    return next(filter(None, (search([name]) for name in found if name not in done)), [])


def row(package: str, texts: Sequence[str]) -> tuple[str, ...]:
    """The figures of `package`, whose files hold `texts`."""
    lines = [text.count("\n") for text in texts]
    functions = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for text in texts
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lengths = f"{median(functions or [0]):.0f}", f"{max(functions, default=0)}"
    files = f"{len(lines)}", f"{sum(lines):,}", f"{median(lines):.0f}", f"{max(lines)}"
    return package, *files, f"{len(functions):,}", *lengths


def table() -> list[tuple[str, ...]]:
    """A row for each package, one for the files beside them, and one for all."""
    home = SOURCE / "maintcli"
    paths = sorted(modules().values(), key=_package)
    rows = [
        row(name, [path.read_text("utf-8") for path in some])
        for name, some in groupby(paths, key=_package)
    ]
    return [HEADS, *rows, row(home.name, [path.read_text("utf-8") for path in paths])]


def _package(path: Path) -> str:
    first, *rest = path.relative_to(SOURCE / "maintcli").parts
    return f"{first}/" if rest else "*.py"


def _print(rows: Iterable[Sequence[str]]) -> None:
    for name, *figures in rows:
        sys.stdout.write(f"{name:12}" + "".join(f"{figure:>10}" for figure in figures) + "\n")


def main() -> int:
    """Print the table; 1 where there is a circle."""
    _print(table())
    found = circle(imports())
    if found:
        sys.stderr.write(f"These files import one another: {' -> '.join([*found, found[0]])}\n")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
