"""What reading the configuration costs a job that has no files to read."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import os, sys
from pathlib import Path
before = set(sys.modules)  # some Pythons' pathlib imports pwd and grp
from maintcli.config.load import load
from maintcli.config.option import Kind, Option
from maintcli.config.duration import duration
option = Option(name="stale_after", kind=Kind.DURATION, default=duration("60s"), min="1s")
config = load(environ={"MAINT_CLEANUP_STALE_AFTER": "5m", "DATABASE_URL": "x"}, cwd=Path.cwd())
config.resolve("cleanup", [option], {})
config.database()
heavy = {"tomllib", "dotenv", "rich", "pydantic", "typer", "difflib", "hashlib", "json", "zoneinfo",
         "psycopg", "textwrap", "logging", "pwd", "grp"}
print(*sorted(heavy & set(sys.modules) - before))
"""


def test_without_files_nothing_heavy_is_imported(tmp_path: Path) -> None:
    """No maint.toml and no .env: no parser is loaded."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{SCRIPT}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ""
