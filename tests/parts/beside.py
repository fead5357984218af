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


def shut_gate(conn: Conn, table: str, *, after: int = 300) -> None:
    """From the row on that follows so many, a DELETE from the table waits at a gate.

    Rows are counted, not statements: how many rows a statement takes is a matter of time.
    """
    conn.execute("CREATE TABLE gate (open boolean)")
    conn.execute("CREATE SEQUENCE strokes")
    function = sql.SQL(
        "CREATE FUNCTION wait_for_gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF nextval('strokes') > {} THEN WHILE NOT EXISTS (SELECT FROM gate)"
        " LOOP PERFORM pg_sleep(0.005); END LOOP; END IF; RETURN old; END $$"
    )
    conn.execute(function.format(after))
    trigger = sql.SQL(
        "CREATE TRIGGER gate BEFORE DELETE ON {} FOR EACH ROW EXECUTE FUNCTION wait_for_gate()"
    )
    conn.execute(trigger.format(sql.Identifier(table)))


def at_gate(conn: Conn) -> bool:
    """Whether a run waits there."""
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    return conn.execute(asleep).fetchone() != (0,)


def kill_at_gate(conn: Conn, process: subprocess.Popen[str]) -> None:
    """SIGKILL a run that waits at the gate, open it, let the server finish, and end the lease."""
    until(lambda: at_gate(conn), "a batch waits at the gate")
    process.kill()
    process.communicate()
    conn.execute("INSERT INTO gate VALUES (true)")
    ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'maint/%'"
    until(lambda: conn.execute(ours).fetchone() == (0,), "the server is done")
    conn.execute(
        "UPDATE job_heartbeats SET lease_expires_at = now() WHERE lease_run_id IS NOT NULL"
    )
