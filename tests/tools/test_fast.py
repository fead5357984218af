"""`make test-fast` stays what a contributor can run on each save."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts.cli import KEPT

ROOT = Path(__file__).parents[2]
FAST = re.search(r"^FAST := ((?:.*\\\n)*.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
PATHS = FAST[1].replace("\\\n", "").split() if FAST else []


def test_the_fast_tests_are_there() -> None:
    """Each path of the Makefile's list."""
    assert PATHS
    assert [path for path in PATHS if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("path", PATHS)
def test_the_fast_tests_kill_nothing_and_start_one_server(path: str) -> None:
    """No signals, no second PostgreSQL, no pooler or cron, and no fixture of the proofs."""
    files = sorted((ROOT / path).rglob("test_*.py")) if (ROOT / path).is_dir() else [ROOT / path]
    heavy = re.compile(
        r"signal\.SIG|send_signal|\.kill\(|own_server|standby_of|pgbouncer|docker run|chaos: "
    )
    found = {str(file): heavy.findall(file.read_text()) for file in files}
    assert {file: words for file, words in found.items() if words} == {}


def test_no_fast_test_is_chaos() -> None:
    """As pytest collects them: the marker alone would leave none out."""
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-n0", "-m", "chaos", *PATHS]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider"], cwd=ROOT, env=env, check=False, capture_output=True
    )
    assert done.returncode == 5, done.stdout  # nothing was collected
