"""The line of maint.toml that enables jobs."""

from pathlib import Path

from maintcli import registry


def enable(*names: str) -> str:
    """It, for `names`, or for every built-in job."""
    return f"jobs = {[*(names or registry.JOBS)]}\n"


def at_home(folder: Path) -> None:
    """Make `folder` look like the repository of maint, for which its own action will do."""
    (folder / "pyproject.toml").write_text('[project]\nname = "maintcli"\n')
