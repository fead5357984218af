"""tools/layout.py: the sizes that `make check` prints, and the circles on which it fails."""

import ast
import subprocess
import sys
from pathlib import Path

from tools import layout


def test_no_circle_of_files() -> None:
    """A reader who starts anywhere comes to an end."""
    assert layout.circle(layout.imports()) == []


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
    assert [*layout.imported(ast.parse(text))] == ["a", "c", "d.e"]
    assert layout.circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]
    assert layout.circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_the_table_counts_every_file_once() -> None:
    """The packages together are the whole."""
    _, *packages, whole = layout.table()
    assert sum(int(row[1]) for row in packages) == int(whole[1]) == len(layout.modules())
    assert {"cli/", "engines/", "jobs/", "*.py"} <= {row[0] for row in packages}


def test_a_row_has_the_sizes_of_files_and_functions() -> None:
    """Files, lines, median and longest file; functions, median and longest function."""
    texts = [
        "def f():\n    return 1\n",
        "def g():\n    a = 1\n    b = 2\n    return a + b\n",
        "x = 1\n",
    ]
    assert layout.row("p", texts) == ("p", "3", "7", "2", "4", "2", "3", "4")


def test_it_is_run_from_anywhere(tmp_path: Path) -> None:
    """`make check` runs it as a program."""
    command = [sys.executable, layout.__file__]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("package ")
