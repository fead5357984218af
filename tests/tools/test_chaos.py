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
    page = chaos.page("\n".join(lines), "")
    assert page.name == "docs/guarantees.md"
    assert page.text.splitlines()[2:] == [
        "| a run ends |   | 18.6 | 7 | 2026-11-22 |",
        "| b (heap) | x: 2 | 18.6 | 7 | 2026-11-22 |",
    ]


def test_the_row_of_a_proof_that_was_not_run_stays_as_it_was() -> None:
    """With its own seed and date; one that was run is replaced, one whose test is gone goes."""
    this = "test_the_row_of_a_proof_that_was_not_run_stays_as_it_was"
    before = chaos.page(
        "\n".join(result(f"{test}", x=1) for test in (f"{this}[a]", f"{this}[b]", "test_gone")), ""
    )
    old = f"intro\n<!-- chaos: begin -->\n{before.text}\n<!-- chaos: end -->\nthe rest | x |\n"
    new = json.loads(result(f"{this}[b]", x=2)) | {"date": "2026-11-28", "seed": "8"}
    found = chaos.page(json.dumps(new), old).text.splitlines()
    name = "the row of a proof that was not run stays as it was"
    assert found == [
        "| proof | met | PostgreSQL | seed | date |",
        "| --- | --- | --- | --- | --- |",
        f"| {name} (a) | x: 1 | 18.6 | 7 | 2026-11-22 |",
        f"| {name} (b) | x: 2 | 18.6 | 8 | 2026-11-28 |",
    ]
