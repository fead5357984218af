"""Proof 1: a heartbeat that is uncommitted when the sweep reaches it saves its session.

The classic statement is kept as a mutant: the same story must end badly with it, or the test
proves nothing.
"""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import psycopg
import pytest
from psycopg import sql

from maintcli.engines.sweep import walks
from maintcli.engines.windows import blocks, values
from tests.parts.inside import Inside
from tests.parts.waiting import until

Conn = psycopg.Connection[tuple[Any, ...]]
SAVED = "s7"
pytestmark = pytest.mark.usefixtures("patient")


def classic(
    part: sql.Composable, window: sql.Composable, predicate: sql.Composable, _bite: object
) -> sql.Composable:
    """The loop that everybody writes: choose by a subselect, delete by its ids."""
    return sql.SQL(
        "DELETE FROM ONLY {part} WHERE session_id IN (SELECT session_id FROM ONLY {part}"
        " WHERE {window} AND ({predicate}) LIMIT 10000);\nGET DIAGNOSTICS maint_k = ROW_COUNT; maint_n := maint_n + maint_k;"
    ).format(part=part, window=window, predicate=predicate)


def fill(conn: Conn, plan: str) -> None:
    """Stale sessions for the heap plan; for the index plan the same among many fresh ones."""
    fresh = 60_000 if plan == "index" else 0
    conn.execute(
        "INSERT INTO active_sessions (session_id, access_key, last_heartbeat)"
        " SELECT 's' || i, 'k', now() - CASE WHEN i <= 50 THEN interval '1 h' ELSE interval '-1 h' END"
        " FROM generate_series(1, 50 + %s) i",
        [fresh],
    )


@contextmanager
def heartbeat_while_swept(conn: Conn, db: str) -> Generator[None]:
    """Hold a heartbeat uncommitted until the sweep waits for it, then commit."""
    with psycopg.connect(db) as application:
        application.execute(
            "UPDATE active_sessions SET last_heartbeat = now() WHERE session_id = %s", [SAVED]
        )
        holder = application.info.backend_pid

        def commit_once_waited_for() -> None:
            query = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
            until(lambda: conn.execute(query, [holder]).fetchone() != (0,), "the sweep waits")
            application.commit()

        thread = threading.Thread(target=commit_once_waited_for)
        thread.start()
        yield
        thread.join()


def survived(conn: Conn) -> bool:
    """Whether the session whose heartbeat arrived is there."""
    query = "SELECT count(*) FROM active_sessions WHERE session_id = %s"
    return conn.execute(query, [SAVED]).fetchone() == (1,)


@pytest.mark.parametrize("plan", ["heap", "index"])
def test_a_late_heartbeat_saves_its_session(inside: Inside, conn: Conn, db: str, plan: str) -> None:
    """The row that the sweep waited for is looked at again, and stays; the others go."""
    fill(conn, plan)
    with heartbeat_while_swept(conn, db):
        result = inside("cleanup-sessions", "--json")
    assert (result.json["plan"], result.json["deleted_count"]) == (plan, 49), result.err
    assert survived(conn)


@pytest.mark.parametrize("plan", ["heap", "index"])
@pytest.mark.parametrize("referred", [False, True])
def test_a_late_heartbeat_counts_beside_a_subquery(
    inside: Inside, conn: Conn, db: str, plan: str, *, referred: bool
) -> None:
    """A condition that looks into another table does not keep the age from being looked at again."""
    fill(conn, plan)
    if referred:
        conn.execute("CREATE TABLE kids (of text REFERENCES active_sessions ON DELETE CASCADE)")
    (inside.folder / "maint.toml").write_text(
        "[sweeps.old-sessions]\ntable = 'active_sessions'\ncolumn = 'last_heartbeat'\nkeep = '60s'\n"
        "allow-sql = true\nwhere = 'NOT EXISTS (SELECT FROM users u WHERE u.email = session_id)'\n"
    )
    with heartbeat_while_swept(conn, db):
        result = inside("old-sessions", "--json", "--max-percent", "100")
    assert (result.json["plan"], result.json["deleted_count"]) == (plan, 49), result.err
    assert survived(conn)


@pytest.mark.parametrize("plan", ["heap", "index"])
def test_the_classic_statement_would_have_killed_it(
    inside: Inside, conn: Conn, db: str, plan: str
) -> None:
    """The mutant: with a subselect and LIMIT the same heartbeat comes too late."""
    fill(conn, plan)
    with (
        mock.patch.object(blocks, "delete", classic),
        mock.patch.object(values, "delete", classic),
        mock.patch.object(walks, "delete", classic),
        heartbeat_while_swept(conn, db),
    ):
        result = inside("cleanup-sessions", "--json")
    assert result.code == 0, result.err
    assert not survived(conn)
