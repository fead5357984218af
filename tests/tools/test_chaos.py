"""The results of `make chaos` become a table."""

import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "tools"))

import chaos


def result(proof: str, **met: int) -> str:
    """A line as tests/proofs/chaos.py writes it."""
    same = {"date": "2026-11-22", "postgresql": "18.6", "seed": "7"}
    return json.dumps({"proof": proof, "met": met, **same})


def test_each_proof_has_a_row_with_its_last_result() -> None:
    """A test's name is a sentence, and its variant stands behind it."""
    lines = [
        result("test_b[heap]", kills=1),
        result("test_a_run_ends"),
        result("test_b[heap]", x=2),
    ]
    page = chaos.page("\n".join(lines))
    assert page.name == "docs/guarantees.md"
    assert page.text.splitlines()[2:] == [
        "| a run ends |   | 18.6 | 7 | 2026-11-22 |",
        "| b (heap) | x: 2 | 18.6 | 7 | 2026-11-22 |",
    ]
