"""Proof 7: a password is never seen again, whatever is done with it."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from maintcli import registry
from tests.parts.cli import Maint
from tests.parts.inside import Inside
from tests.parts.waiting import PATIENCE, until

Conn = psycopg.Connection[tuple[Any, ...]]
CANARY = "c4n4ry-s3cr3t"
RUN = "01a200a7-91d8-7db5-bf10-da382dbaaca6"
"""There is none."""
WAITS = (
    "SELECT FROM pg_stat_activity WHERE application_name LIKE 'maint/%'"
    " AND datname = current_database() AND wait_event_type = 'Lock'"
)
COMMANDS = (
    ("cleanup-sessions",),
    ("cleanup-sessions", "-v", "--json"),
    ("cleanup-sessions", "--dry-run", "-v"),
    ("cleanup-sessions", "--stale-after", "0"),
    ("cleanup-sessions", "--no-ledger", "-v"),
    ("db", "check"),
    ("db", "migrate"),
    ("list",),
    ("status", "--json"),
    ("history", "--json"),
    ("readyz",),
    ("config", "show"),
    ("config", "show", "--json"),
    ("run", "--all", "--json"),
    ("run", "cleanup-sessions", "-v"),
    ("run-entry", "cleanup-sessions", "-v"),
    ("show", RUN, "--json"),
    ("pause", "cleanup-sessions"),
    ("resume", "cleanup-sessions"),
    ("restore", RUN, "--json"),
    ("schedule", "next"),
    ("schedule", "check"),
    ("schedule", "render", "--target", "crontab"),
    ("db", "example"),
    ("archives", "list", "--json"),
    ("archives", "prune", "--older-than", "1d", "--yes"),
    ("config", "init"),
    ("init", "--yes", "--job", "cleanup-run-history"),
    ("secret",),
    ("plugins",),
    ("trigger", "nowhere", "--json"),
    *((job, "-v", "--json") for job in registry.JOBS),
)
BROKEN = (
    "postgresq://u:{}@h/d",
    "postgresql://u:{}%zz@h/d",
    "postgresql://u:{} x@h/d",
    "postgresql://u:{}/x@h/d",
    "postgresql://u:{}#x@h/d",
    "postgresql://u:{}@[h/d",
    "postgresql://u:{}@h:99999999/d",
    "postgresql://u:{}@127.0.0.1:1/d",
    "postgresql://u:{}@h/d?sslmod=x",
    "host=h password={} x",
    "host=h passwort={}",
    "{}",
)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_no_command_shows_the_password(inside: Inside, db: str, arguments: tuple[str, ...]) -> None:
    """Through commands that work, in text, JSON and -v."""
    url = db.replace("postgres@", f"postgres:{CANARY}@")
    result = inside(*arguments, env={"DATABASE_URL": url})
    assert result.code in {0, 1, 2, 65, 78}, result.err
    assert CANARY not in result.out + result.err


def test_no_command_is_left_out() -> None:
    """But for the demo, which has a database of its own."""
    assert {first for first, *_ in COMMANDS} == {*registry.COMMANDS, *registry.JOBS} - {"demo"}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("url", BROKEN)
@pytest.mark.parametrize(
    "arguments", [("cleanup-sessions", "-v"), ("status",), ("config", "show")], ids=" ".join
)
def test_no_error_shows_the_password(inside: Inside, url: str, arguments: tuple[str, ...]) -> None:
    """Through URLs that do not work, each of which some parser likes to repeat."""
    result = inside(*arguments, env={"DATABASE_URL": url.format(CANARY)})
    assert CANARY not in result.out + result.err
    assert "Traceback" not in result.err
    if arguments != ("config", "show"):
        assert result.code in {69, 78}, result.err


def test_the_database_never_hears_it(inside: Inside, conn: Conn, db: str) -> None:
    """Neither ledger nor heartbeat nor log file holds it, in whatever column."""
    url = db.replace("postgres@", f"postgres:{CANARY}@")
    env = {"DATABASE_URL": url, "MAINT_LOG_FILE": str(inside.folder / "log")}
    inside("cleanup-sessions", "-v", env=env)
    assert inside("cleanup-queues", env=env).code == 78
    for name in ("job_runs", "job_heartbeats"):
        text = conn.execute(f"SELECT string_agg(t::text, '') FROM {name} t").fetchone()  # type: ignore[arg-type]
        assert text is not None
        assert CANARY not in str(text[0])
    assert CANARY not in (inside.folder / "log").read_text()


def test_the_process_list_never_shows_it(maint: Maint, conn: Conn, db: str) -> None:
    """Neither the arguments nor the server's list of sessions."""
    conn.execute("INSERT INTO active_sessions VALUES ('s', 'k', now() - interval '1 h')")
    url = db.replace("postgres@", f"postgres:{CANARY}@")
    with psycopg.connect(db) as blocker:
        blocker.execute("LOCK TABLE active_sessions IN ACCESS EXCLUSIVE MODE")
        process = maint.start("cleanup-sessions", env={"DATABASE_URL": url})
        until(lambda: conn.execute(WAITS).fetchall(), "the run waits for the table")
        line = Path(f"/proc/{process.pid}/cmdline")
        seen = conn.execute("SELECT string_agg(a::text, '') FROM pg_stat_activity a").fetchone()
        assert "cleanup-sessions" in (
            shown := line.read_text() if line.exists() else str(process.args)
        )
        assert CANARY not in shown
        assert "maint/cleanup-sessions" in str(seen)
        assert CANARY not in str(seen)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert CANARY not in out + err
