"""Proof: a holder that freezes while a batch is on its way to the archive leaves no lock for long."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.parts.inside import Inside
from tests.parts.waiting import PATIENCE, until

Conn = psycopg.Connection[tuple[object, ...]]

MESSAGES = 100_000
RUN = ("cleanup-old-sessions", "--max-percent", "100", "--json", "--archive")
FILL = f"""
INSERT INTO users (email) VALUES ('a@b');
INSERT INTO chat_sessions (user_id, updated_at) SELECT id, now() - interval '2 years' FROM users;
INSERT INTO chat_messages (session_id, role, content)
SELECT id, 'user', repeat('x', 200) FROM chat_sessions, generate_series(1, {MESSAGES})
"""
# Messages, and not the first of them: how many are fetched has been found by their length.
READING = """
SELECT count(*) FROM pg_stat_activity
WHERE application_name = 'maint/cleanup-old-sessions' AND datname = current_database()
AND query LIKE 'FETCH % FROM "maint_s1"' AND query NOT LIKE 'FETCH 64 %' AND state LIKE
"""
PATIENT = """
import sys
from maintcli.cli import app
from maintcli.engines.foreign_keys import archived
archived.IDLE_SECONDS = 2
sys.exit(int(app.run(sys.argv[1:])))
"""
"""The command, but for how long the server waits for it within an archived batch."""


@contextmanager
def started(inside: Inside, place: Path) -> Generator[subprocess.Popen[str]]:
    """A run; it is killed at the end where it still goes on."""
    process = subprocess.Popen(
        [sys.executable, "-c", PATIENT, *RUN, str(place)],
        cwd=inside.folder,
        env={"PATH": os.environ["PATH"], **inside.env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_frozen_reader_is_ended_and_writes_nothing_more(
    inside: Inside, conn: Conn, tmp_path: Path
) -> None:
    """The server idles soon, ends the transaction, and the successor alone removes and archives."""
    conn.execute(FILL)  # type: ignore[arg-type]
    place = tmp_path / "kept"
    with started(inside, place) as old:
        until(lambda: count(conn, READING + " '%'"), "it reads rows for the archive")
        old.send_signal(signal.SIGSTOP)
        until(lambda: count(conn, READING + " 'idle in transaction'"), "the server waits for it")
        until(lambda: not count(conn, READING + " '%'"), "the server has ended it")
        assert count(conn, "SELECT count(*) FROM chat_messages") == MESSAGES
        conn.execute("UPDATE job_heartbeats SET lease_expires_at = now() - interval '1 second'")
        new = inside(*RUN, str(place))
        assert new.json["tables"]["public.chat_messages"] == MESSAGES, new.err
        before = ledger(conn)
        conn.execute(FILL.replace("a@b", "c@d"))  # type: ignore[arg-type]
        stale = count(conn, "SELECT count(*) FROM chat_messages")
        old.send_signal(signal.SIGCONT)
        out, said = old.communicate(timeout=PATIENCE)
    found = json.loads(out)
    assert (found["outcome"], old.returncode) == ("failed", 75), said
    assert ledger(conn) == before
    assert count(conn, "SELECT count(*) FROM chat_messages") == stale >= MESSAGES
    assert [outcome for _, outcome, *_ in before] == ["lost", "success"]
    assert not list(place.glob("*/.*"))


def count(conn: Conn, query: str) -> int:
    """The number that a query returns."""
    row = conn.execute(query).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return int(str(row[0]))


def ledger(conn: Conn) -> list[tuple[object, ...]]:
    """Every run, and what of its archive counts."""
    return conn.execute(
        "SELECT run_id, outcome, deleted_count, (SELECT count(*) FROM job_archives AS a"
        " WHERE a.run_id = r.run_id) FROM job_runs AS r ORDER BY started_at"
    ).fetchall()
