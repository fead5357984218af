"""Put what `make chaos` met into the table of docs/guarantees.md.

`python tools/chaos.py FILE` reads one JSON object a line, as tests/proofs/chaos.py writes them.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from manual.page import ROOT, Page, table

COLUMNS = ("proof", "met", "PostgreSQL", "seed", "date")


def page(lines: str) -> Page:
    """The table with a row for each proof, the last result counting."""
    found = [json.loads(line) for line in lines.splitlines()]
    rows = {result["proof"]: _row(result) for result in found}
    text = table(COLUMNS, [rows[proof] for proof in sorted(rows)])
    return Page(ROOT / "docs" / "guarantees.md", text, part="chaos")


def _row(result: Mapping[str, Any]) -> tuple[str, ...]:
    met = ", ".join(f"{what}: {count}" for what, count in sorted(result["met"].items()))
    return (_sentence(result["proof"]), met, result["postgresql"], result["seed"], result["date"])


def _sentence(test: str) -> str:
    """`test_a_run_ends[heap]` as `a run ends (heap)`."""
    name, _, variant = test.removeprefix("test_").partition("[")
    return name.replace("_", " ") + (f" ({variant.removesuffix(']')})" if variant else "")


def main(arguments: list[str]) -> int:
    """Write the table; the exit code."""
    if len(arguments) != 1:
        sys.stderr.write(f"{__doc__}")
        return 2
    page(Path(arguments[0]).read_text("utf-8")).write()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
