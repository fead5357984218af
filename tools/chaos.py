"""Put what `make chaos` met into the table of docs/guarantees.md.

`python tools/chaos.py FILE` reads one JSON object a line, as tests/proofs/chaos.py writes them.
The rows of proofs that are not in it stay, each with its own seed and date, as long as there is
such a test.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from manual.page import ROOT, Page, table

COLUMNS = ("proof", "met", "PostgreSQL", "seed", "date")
PATH = ROOT / "docs" / "guarantees.md"
Row = tuple[str, ...]


def page(lines: str, before: str) -> Page:
    """The table: a row for each proof, of its last result; `before` is the page so far."""
    found = [_row(json.loads(line)) for line in lines.splitlines()]
    rows = {row[0]: row for row in [*_kept(before), *found]}
    return Page(PATH, table(COLUMNS, [rows[proof] for proof in sorted(rows)]), part="chaos")


def _row(result: Mapping[str, Any]) -> Row:
    met = ", ".join(f"{what}: {count}" for what, count in sorted(result["met"].items()))
    return (_sentence(result["proof"]), met, result["postgresql"], result["seed"], result["date"])


def _sentence(test: str) -> str:
    """`test_a_run_ends[heap]` as `a run ends (heap)`."""
    name, _, variant = test.removeprefix("test_").partition("[")
    return name.replace("_", " ") + (f" ({variant.removesuffix(']')})" if variant else "")


def _kept(before: str) -> Iterator[Row]:
    """The rows so far whose test is still there."""
    made = before.partition("<!-- chaos: begin -->")[2].partition("<!-- chaos: end -->")[0]
    there = _tests()
    for line in made.splitlines():
        row = tuple(line.removeprefix("| ").removesuffix(" |").split(" | "))
        if len(row) == len(COLUMNS) and row[0].partition(" (")[0] in there:
            yield row


def _tests() -> set[str]:
    """Every test's name, as a sentence."""
    texts = (path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    return {
        _sentence(name)
        for text in texts
        for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE)
    }


def main(arguments: list[str]) -> int:
    """Write the table; the exit code."""
    if len(arguments) != 1:
        sys.stderr.write(f"{__doc__}")
        return 2
    page(Path(arguments[0]).read_text("utf-8"), PATH.read_text("utf-8")).write()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
