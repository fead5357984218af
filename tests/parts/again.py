"""A plugin for `.ci/run`: how the tests ended, and which of them passed only when repeated."""

from pathlib import Path

import pytest

STATUS = Path("build", "test-status")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write pytest's own exit status down, of which make says no more than that it was not 0."""
    if not hasattr(session.config, "workerinput"):
        STATUS.parent.mkdir(exist_ok=True)
        STATUS.write_text(f"{int(exitstatus)}\n")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what passed this time, where the run was of tests that had failed."""
    if not terminalreporter.config.getoption("lf"):
        return
    passed = [r.nodeid for r in terminalreporter.stats.get("passed", []) if r.when == "call"]
    terminalreporter.section(f"{len(passed)} PASSED ONLY WHEN REPEATED", yellow=True, bold=True)
    for nodeid in passed:
        terminalreporter.line(f"FLAKY {nodeid}")
