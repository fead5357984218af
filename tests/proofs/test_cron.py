"""Proof 9: under a real cron, deploy/crontab.example fires the job."""

import os
import sys
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest

from tests.parts.cron import cron
from tests.parts.folders import short_folder
from tests.parts.waiting import until

EXAMPLE = Path(__file__).parents[2] / "deploy" / "crontab.example"
COMMAND, VARIABLES, OFTEN = "/usr/local/bin/maint", "/etc/maint/env", "*/5 * * * *"


@pytest.fixture
def place() -> Generator[Path]:
    """A folder with what the example wants: a link to the command, and a file of variables."""
    with short_folder() as folder:
        (folder / "maint").symlink_to(Path(sys.executable).with_name("maint"))
        (folder / "env").touch(0o600)
        yield folder


def installed(place: Path) -> str:
    """The example with its paths in `place`, each minute instead of each fifth."""
    text = EXAMPLE.read_text()
    for old, new in ((COMMAND, place / "maint"), (VARIABLES, place / "env"), (OFTEN, "* * * * *")):
        assert f"{old} " in f"{text} ".replace("\n", " ")
        text = text.replace(old, str(new))
    return text


def test_the_example_fires_the_job(db: str, conn: psycopg.Connection, place: Path) -> None:
    """As root's own crontab; one of the system, with a user in each line, fires beside it."""
    conn.execute("INSERT INTO active_sessions VALUES ('s', 'k', now() - interval '1 h')")
    (place / "env").write_text(f"DATABASE_URL={db}\n")
    with (
        cron(installed(place), user="root"),
        cron(f"* * * * * root touch {place}/system\n"),
    ):
        query = "SELECT origin, outcome, deleted_count FROM job_runs WHERE outcome <> 'running'"
        found = until(lambda: conn.execute(query).fetchall(), "the job has run", seconds=80)
        until((place / "system").exists, "the system's job has fired", seconds=10)
    assert found == [("cron", "success", 1)]
    assert not Path("/etc/cron.d/maint").exists()


def test_a_job_that_succeeds_sends_no_mail() -> None:
    """Each line is quiet, and names a command by its whole path, as cron wants it."""
    lines = [line for line in EXAMPLE.read_text().splitlines() if line[:1].isdigit() or "*" in line]
    jobs = [line for line in lines if not line.startswith("#")]
    assert jobs
    for line in jobs:
        assert line.split()[5] == COMMAND
        assert " --quiet" in line
        assert "%" not in line  # cron makes a new line of it
    assert EXAMPLE.read_bytes().endswith(b"\n")  # else cron refuses the whole file
    assert not os.access(EXAMPLE, os.X_OK)
