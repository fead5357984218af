"""Proof 9: under a real cron, a rendered crontab fires the jobs, as deploy/crontab.example would."""

import os
import sys
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest

from maintcli.config.scheduler import Settings
from maintcli.schedules.model import Entry
from maintcli.schedules.targets.crontab import render
from tests.parts.cron import cron
from tests.parts.folders import short_folder
from tests.parts.waiting import until
from tests.schedules.readers import read

EXAMPLE = Path(__file__).parents[2] / "deploy" / "crontab.example"
DEFAULT = Settings()


@pytest.fixture
def place() -> Generator[Path]:
    """A folder with what a crontab wants: a link to the command, and a file of variables."""
    with short_folder() as folder:
        (folder / "maint").symlink_to(Path(sys.executable).with_name("maint"))
        (folder / "100% env").touch(0o600)
        yield folder


def settings(place: Path, **more: str) -> Settings:
    """What is rendered for `place`; the name of a file has a blank and a percent sign in it."""
    return Settings(
        command=str(place / "maint"), variables=str(place / "100% env"), mailto="root", **more
    )


def rendered(entry: Entry, settings: Settings) -> str:
    """The one file."""
    (text,) = render([entry], settings).files.values()
    return text


@pytest.mark.slow
def test_the_rendered_crontab_fires_the_job(db: str, conn: psycopg.Connection, place: Path) -> None:
    """As root's own; one of the system, with a user in each line, fires beside it."""
    conn.execute(
        "INSERT INTO active_sessions"
        " SELECT 's' || n, 'k', now() - interval '1 h' FROM generate_series(1, 3) n"
    )
    (place / "100% env").write_text(f"DATABASE_URL={db}\n")
    often = Entry("often", "cleanup-sessions", "All.", ("* * * * *",), options=("--timeout", "50s"))
    log = place / "50% shown.log"
    shown = Entry(
        "shown",
        "cleanup-sessions",
        "",
        ("*/1 * * * *",),
        options=("--dry-run", "--log-file", str(log)),
    )
    with cron(rendered(often, settings(place)), user="root"):
        query = (
            "SELECT origin, outcome, deleted_count, parameters->>'timeout' FROM job_runs"
            " WHERE outcome <> 'running'"
        )
        found = until(lambda: conn.execute(query).fetchall(), "the job has run")
    assert found == [("cron", "success", 3, "50s")]
    with cron(rendered(shown, settings(place, user="root"))):
        until(lambda: "cleanup-sessions" in _text(log), "the system's job has fired")
    assert not Path("/etc/cron.d/maint").exists()


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def test_the_example_is_such_a_crontab() -> None:
    """Each line is quiet, and names a command by its whole path, as cron wants it."""
    found = read("crontab", {EXAMPLE.name: EXAMPLE.read_text()})
    assert ("cleanup-sessions", ("*/5 * * * *",)) in {(one.key, one.expressions) for one in found}
    lines = [line for line in EXAMPLE.read_text().splitlines() if DEFAULT.command in line]
    jobs = [line for line in lines if not line.startswith("#")]
    assert len(jobs) == len(found)
    for line in jobs:
        assert line.split()[5] == DEFAULT.command
        assert f" --quiet --config /etc/maint/maint.toml --env-file {DEFAULT.variables}" in line
        assert "%" not in line  # cron makes a new line of it
    assert EXAMPLE.read_bytes().endswith(b"\n")  # else cron refuses the whole file
    assert not os.access(EXAMPLE, os.X_OK)
