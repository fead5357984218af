"""The command is run as on a fresh machine."""

import sys
from pathlib import Path

import pytest

from tests.parts.cli import Maint


def test_nothing_of_the_surroundings_is_inherited(
    maint: Maint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither the developer's database nor a CI's variables reach the command."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nenv\npwd\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    for name in ("DATABASE_URL", "MAINT_CONFIG", "GITHUB_ACTIONS", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.setenv(name, "canary")
    result = maint("list", env={"GIVEN": "yes"})
    assert result.code == 0
    assert "canary" not in result.out
    assert "GIVEN=yes" in result.out
    assert result.out.endswith(f"{maint.folder}\n")
