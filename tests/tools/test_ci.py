"""`.ci/run` says with its exit code whether checks and tests passed, and runs each of them once."""

import os
import subprocess
from pathlib import Path
from shutil import copy

import pytest

ROOT = Path(__file__).parents[2]
MAKE = """#!/bin/sh
echo "$@" >> calls
case "$*" in
  check) exit {check} ;;
  *) exit {test} ;;
esac
"""


@pytest.mark.parametrize("check", [0, 2])
@pytest.mark.parametrize("test", [0, 2])
def test_the_exit_code(tmp_path: Path, check: int, test: int) -> None:
    """By a fake make: the tests run where the checks failed, too, and never a second time."""
    programs = tmp_path / "programs"
    (tmp_path / ".ci").mkdir()
    programs.mkdir()
    script = MAKE.format(check=check, test=test)
    for name, text in {"make": script, "cron": "", "pgbouncer": "", "python3": ""}.items():
        (programs / name).write_text(text or "#!/bin/sh\n")
        (programs / name).chmod(0o755)
    copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    env = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run([tmp_path / ".ci" / "run"], env=env, check=False, capture_output=True)
    assert done.returncode == max(check, test), done
    calls = [line.split()[0] for line in (tmp_path / "calls").read_text().splitlines()]
    assert calls == ["check", "test"]
