"""The parts that several jobs' tests want."""

from typing import Any

import psycopg
import pytest


@pytest.fixture
def reader(conn: psycopg.Connection[tuple[Any, ...]], db: str) -> str:
    """The URL of a role that may SELECT and nothing else."""
    conn.execute(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'reader') THEN"
        " CREATE ROLE reader LOGIN; END IF; END $$"
    )
    conn.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    return db.replace("postgres@", "reader@")
