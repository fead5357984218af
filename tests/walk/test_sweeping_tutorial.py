"""docs/sweeping.md, as a reader follows it."""

import re
import shlex
from pathlib import Path

import psycopg

from tests.parts.inside import Inside

PAGE = (Path(__file__).parents[2] / "docs" / "sweeping.md").read_text()
CODES = {"old-mail --dry-run": 65}
"""Of the commands that do not end with 0."""


def blocks(language: str) -> list[str]:
    """The code of the page in that language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_tutorial_does_what_it_says(inside: Inside, conn: psycopg.Connection) -> None:
    """Every command in turn, with its exit code; half of the rows are deleted; and its schedule."""
    conn.execute(blocks("sql")[0].encode())
    rule, scheduled = blocks("toml")
    file = inside.folder / "maint.toml"
    file.write_text(rule)
    commands = re.findall(
        r"^(?:\$ )?maint (old-mail[^#\n]*)", "".join(blocks("(?:console|sh)")), re.MULTILINE
    )
    commands = [command.strip() for command in commands]
    assert len(commands) > len(CODES)
    for command in commands:
        found = inside(*shlex.split(command))
        assert found.code == CODES.get(command, 0), (command, found.err)
    assert conn.execute("SELECT count(*) FROM mail_log").fetchone() == (10_000 - 5_016,)
    file.write_text(scheduled)
    assert "old-mail" in inside("schedule", "next").out
