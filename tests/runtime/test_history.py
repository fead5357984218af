"""Who reads and writes the ledger's rows of runs."""

from pathlib import Path

import maintcli

# Beside the two: that the table is there, what a role must hold on it, and what goes when old.
_NAMED_ONLY = {"db/toolkit.py", "engines/rights.py", "jobs/cleanup_run_history.py"}


def test_job_runs_is_written_by_the_ledger_and_read_by_history() -> None:
    """Every statement on job_runs stands in one of two files."""
    root = Path(maintcli.__file__).parent
    found = {
        str(file.relative_to(root)) for file in root.rglob("*.py") if "job_runs" in file.read_text()
    }
    assert found - _NAMED_ONLY == {"runtime/ledger.py", "runtime/history.py"}
