"""Proof 6: a dry run reads, and only reads."""

from typing import Any

import psycopg
import pytest

from tests.parts.inside import Inside
from tests.parts.waiting import until

Conn = psycopg.Connection[tuple[Any, ...]]
COUNTERS = (
    "SELECT sum(n_tup_ins), sum(n_tup_upd), sum(n_tup_del) FROM pg_stat_all_tables"
    " WHERE relid >= 16384"
)
OURS = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'maint/%'"
    " AND datname = current_database()"
)
READER = (
    "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'reader') THEN"
    " CREATE ROLE reader LOGIN; END IF; END $$"
)
"""Roles belong to the whole server, so that another test may have made it."""


@pytest.fixture
def reader(conn: Conn, db: str) -> str:
    """The URL of a role that may SELECT and nothing else."""
    conn.execute(READER)
    conn.execute("GRANT SELECT ON active_sessions TO reader")
    return db.replace("postgres@", "reader@")


def counters(conn: Conn) -> tuple[Any, ...] | None:
    """What the server counted as written so far, in all tables of users.

    A connection hands in its counts at its end, which is a little later than the client's.
    """
    until(lambda: conn.execute(OURS).fetchone() == (0,), "no connection of maint is left")
    conn.execute("SELECT pg_stat_force_next_flush()")
    return conn.execute(COUNTERS).fetchone()


@pytest.mark.parametrize("fresh", [0, 60_000], ids=["heap", "index"])
def test_needs_only_select_and_writes_nothing(
    inside: Inside, conn: Conn, reader: str, fresh: int
) -> None:
    """Under a role without DELETE, with the tuple counters unchanged, the number is the real one."""
    conn.execute(
        "INSERT INTO active_sessions (session_id, access_key, last_heartbeat)"
        " SELECT 's' || i, 'k', now() - CASE WHEN i <= 500 THEN interval '1 h' ELSE interval '-1 h' END"
        " FROM generate_series(1, 500 + %s) i",
        [fresh],
    )
    before = counters(conn)
    dry = inside("cleanup-sessions", "--dry-run", "--json", env={"DATABASE_URL": reader})
    assert dry.code == 0, dry.err
    assert counters(conn) == before
    real = inside("cleanup-sessions", "--json")
    assert real.json["deleted_count"] == dry.json["deleted_count"] == 500
    assert real.json["plan"] == dry.json["plan"]


def test_says_plan_cutoff_rows_batches_and_time(inside: Inside, conn: Conn) -> None:
    """Everything one wants to know before the real run."""
    conn.execute("INSERT INTO active_sessions VALUES ('s', 'k', now() - interval '1 h')")
    result = inside("cleanup-sessions", "--dry-run", "--json")
    assert {"plan", "cutoff", "deleted_count", "batches", "expected_seconds"} <= set(result.json)
    assert "would delete 1 row of public.active_sessions older than " in result.err


def test_needs_none_of_the_toolkit_s_tables(inside: Inside, conn: Conn) -> None:
    """A first look is possible before anything was set up."""
    conn.execute(
        "DROP TABLE job_runs, job_archives, job_erasures, job_heartbeats, job_slots,"
        " maint_migrations"
    )
    assert inside("cleanup-sessions", "-n").code == 0
    refused = inside("cleanup-sessions")
    assert refused.code == 78
    assert "maint db migrate" in refused.err
    assert inside("cleanup-sessions", "--no-ledger").code == 0


def test_the_real_run_needs_delete(inside: Inside, conn: Conn, reader: str) -> None:
    """Without DELETE the real run says which GRANT is missing, and changes nothing."""
    conn.execute("GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO reader")
    conn.execute("INSERT INTO active_sessions VALUES ('s', 'k', now() - interval '1 h')")
    result = inside("cleanup-sessions", env={"DATABASE_URL": reader})
    assert result.code == 77
    assert 'GRANT DELETE ON "public"."active_sessions" TO "reader"' in result.err
    assert conn.execute("SELECT count(*) FROM active_sessions").fetchone() == (1,)
