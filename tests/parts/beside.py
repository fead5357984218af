"""What happens beside a run: others at work on its rows, a gate that stops it, a look at the rows."""

import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from tests.parts.waiting import until

Conn = psycopg.Connection[tuple[Any, ...]]


def count(conn: Conn, table: LiteralString, where: LiteralString = "true") -> int:
    """Rows of the table for which `where` holds."""
    row = conn.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def uncommitted(
    conn: Conn, db: str, statement: LiteralString, *, wait: bool = True
) -> Generator[psycopg.Connection]:
    """Hold a statement of the application uncommitted until a run waits for it; then commit.

    Without `wait` it stays uncommitted to the end.
    """
    with psycopg.connect(db) as application:
        application.execute(statement)
        holder = application.info.backend_pid

        def commit_once_waited_for() -> None:
            query = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
            until(
                lambda: conn.execute(query, [holder]).fetchone() != (0,),
                "the run waits",
                seconds=60,
            )
            application.commit()

        thread = threading.Thread(target=commit_once_waited_for)
        if wait:
            thread.start()
        yield application
        if wait:
            thread.join()


def shut_gate(conn: Conn, table: str, *, after: int = 20) -> None:
    """From the statement on that follows so many, a DELETE from the table waits at a gate."""
    conn.execute("CREATE TABLE gate (open boolean)")
    conn.execute("CREATE SEQUENCE strokes")
    function = sql.SQL(
        "CREATE FUNCTION wait_for_gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF nextval('strokes') > {} THEN WHILE NOT EXISTS (SELECT FROM gate)"
        " LOOP PERFORM pg_sleep(0.005); END LOOP; END IF; RETURN NULL; END $$"
    )
    conn.execute(function.format(after))
    trigger = sql.SQL("CREATE TRIGGER gate BEFORE DELETE ON {} EXECUTE FUNCTION wait_for_gate()")
    conn.execute(trigger.format(sql.Identifier(table)))


def kill_at_gate(conn: Conn, process: subprocess.Popen[str]) -> None:
    """SIGKILL a run that waits at the gate, open it, let the server finish, and end the lease."""
    at_gate = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    until(lambda: conn.execute(at_gate).fetchone() != (0,), "a batch waits at the gate", seconds=60)
    process.kill()
    process.communicate()
    conn.execute("INSERT INTO gate VALUES (true)")
    ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'maint/%'"
    until(lambda: conn.execute(ours).fetchone() == (0,), "the server is done", seconds=60)
    conn.execute(
        "UPDATE job_heartbeats SET lease_expires_at = now() WHERE lease_run_id IS NOT NULL"
    )
