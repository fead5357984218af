"""With --archive, memory is flat however many rows one root has below it."""

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[object, ...]]

MESSAGES = 100_000
BYTES = 200
MOST_MORE_KB = 40_000

# One root whose rows below are short at first, and then long ones that no earlier row announced.
SESSION = """
INSERT INTO users (email) VALUES ('a@b') ON CONFLICT DO NOTHING;
INSERT INTO chat_sessions (user_id, created_at, updated_at)
SELECT id, now() - interval '2 years', now() - interval '2 years' FROM users WHERE email = 'a@b'
"""
ROWS = """
INSERT INTO chat_messages (session_id, role, content)
SELECT id, 'user', left(repeat(md5(i::text), {length} / 32 + 1), {length})
FROM chat_sessions, generate_series(1, {rows}) i
"""

RUN = """
import sys
from maintcli.cli import app
code = app.run(sys.argv[1:])
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(status["VmHWM"].split()[0])
sys.exit(int(code))
"""


def fill(conn: Conn, *messages: tuple[int, int]) -> None:
    """One stale session with so many messages of such a length."""
    conn.execute(SESSION)
    for rows, length in messages:
        conn.execute(ROWS.format(rows=rows, length=length))  # type: ignore[arg-type]


def peak_kb(inside: Inside, *arguments: str) -> int:
    """The most memory that a process of its own takes for a run."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        cwd=inside.folder,
        env=inside.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout.splitlines()[-1])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="wants Linux's /proc")
@pytest.mark.parametrize(
    ("rows", "length"), [(MESSAGES, BYTES), (100, 1_000_000)], ids=["many", "long"]
)
def test_memory_is_flat(inside: Inside, conn: Conn, tmp_path: Path, rows: int, length: int) -> None:
    """One session with many messages, or with long ones, takes little more than one with ten."""
    run = ("cleanup-old-sessions", "--max-percent", "100", "--archive", str(tmp_path / "kept"))
    conn.execute("TRUNCATE chat_sessions CASCADE")
    fill(conn, (10, BYTES))
    usual = peak_kb(inside, *run)
    fill(conn, (1_000, 10), (rows, length))  # nothing in the short ones announces the long ones
    assert peak_kb(inside, *run) < usual + MOST_MORE_KB
    kept = conn.execute(
        "SELECT sum((rows->>'public.chat_messages')::int), count(*) FROM job_archives"
    ).fetchone()
    assert kept == (10 + 1_000 + rows, 2)
    assert conn.execute("SELECT count(*) FROM chat_messages").fetchone() == (0,)
