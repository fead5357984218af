"""docs/architecture.md draws the way that a run really takes."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).parents[2]
MOST_FILES = 10
# Notes who is on the stack when the first message with a DELETE leaves for the server.
PROGRAM = """
import sys
import psycopg

execute = psycopg.Connection.execute

def noted(connection, message, *arguments, **named):
    text = message if isinstance(message, str) else message.as_string(connection)
    if "DELETE FROM" in text:
        psycopg.Connection.execute = execute
        files, frame = [], sys._getframe()
        while frame := frame.f_back:
            files.append(frame.f_code.co_filename)
        print(*reversed(files), sep="\\n", file=sys.stderr)
    return execute(connection, message, *arguments, **named)

psycopg.Connection.execute = noted
from maintcli.__main__ import main
main()
"""


def drawn() -> list[str]:
    """The files of the walk, as the page numbers them."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    walk = page.partition("## The walk of one run\n")[2].partition("\n## ")[0]
    return re.findall(r"^\d+\. `([^`]+)`", walk, re.MULTILINE)


def test_the_walk_of_a_run_is_as_drawn(
    db: str, conn: psycopg.Connection[Any], tmp_path: Path
) -> None:
    """From the command line to the DELETE in at most ten files, in the order of the page."""
    conn.execute(
        "INSERT INTO active_sessions (session_id, access_key, last_heartbeat)"
        " VALUES ('a', 'b', now() - interval '1 year')"
    )
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "cleanup-sessions"],
        env={**os.environ, "DATABASE_URL": db},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "deleted 1" in done.stdout
    package = f"{ROOT / 'src' / 'maintcli'}{os.sep}"
    files = [line.removeprefix(package) for line in done.stderr.splitlines() if package in line]
    walked = list(dict.fromkeys(files))
    assert walked == drawn()
    assert len(walked) <= MOST_FILES
