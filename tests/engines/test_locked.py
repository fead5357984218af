"""A table that others lock as a whole: the error says which one, who, and since when."""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest

from maintcli.engines.base import retry
from tests.parts.inside import Inside
from tests.parts.waiting import until

Conn = psycopg.Connection[tuple[Any, ...]]
Connect = Callable[[str], Conn]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run gives up at the second try."""
    monkeypatch.setattr(retry, "PATIENCE_SECONDS", 0.1)


@pytest.fixture
def other(db: str) -> Generator[Connect]:
    """Opens sessions of applications."""
    opened: list[Conn] = []

    def connect(application: str) -> Conn:
        opened.append(psycopg.connect(db, application_name=application))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


@pytest.fixture
def stale(conn: Conn) -> Conn:
    """A stale session, and a click that refers to it."""
    conn.execute(
        "INSERT INTO active_sessions (session_id, access_key, last_heartbeat)"
        " VALUES ('a', 'k', now() - interval '1 h')"
    )
    conn.execute("ALTER TABLE active_sessions ADD UNIQUE (session_id)")
    conn.execute(
        "CREATE TABLE clicks (session_id text REFERENCES active_sessions (session_id) ON DELETE CASCADE)"
    )
    conn.execute("INSERT INTO clicks VALUES ('a')")
    return conn


def left(conn: Conn) -> tuple[Any, ...] | None:
    """How many rows are left of both."""
    return conn.execute(
        "SELECT (SELECT count(*) FROM active_sessions), (SELECT count(*) FROM clicks)"
    ).fetchone()


@pytest.mark.parametrize("dry_run", [(), ("--dry-run",)])
def test_the_table_and_who_locks_it(
    inside: Inside, stale: Conn, other: Connect, dry_run: tuple[str, ...]
) -> None:
    """Before anything can be read; with the pid, the application, and the transaction's age."""
    holder = other("migration")
    holder.execute("LOCK TABLE active_sessions IN ACCESS EXCLUSIVE MODE")
    result = inside("cleanup-sessions", *dry_run, "--json")
    holder.rollback()
    assert (result.code, result.json["outcome"]) == (75, "failed")
    said = f"public.active_sessions was locked by pid {holder.info.backend_pid} (migration, "
    assert result.json["message"].startswith(said)
    assert result.json["message"].endswith(" Nothing was deleted; the next run tries again.")
    assert left(stale) == (1, 1)


def test_a_table_that_refers_to_it(inside: Inside, stale: Conn, other: Connect) -> None:
    """It is locked, and not the one that is swept; one that has nothing to do with it is not meant."""
    bystander, holder = other("bystander"), other("index build")
    bystander.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
    holder.execute("LOCK TABLE clicks IN SHARE MODE")
    result = inside("cleanup-sessions")
    holder.rollback()
    assert result.code == 75
    assert f"public.clicks was locked by pid {holder.info.backend_pid} (index build, " in result.err
    assert left(stale) == (1, 1)


def test_a_role_that_may_not_see_statistics(
    inside: Inside, db: str, conn: Conn, other: Connect
) -> None:
    """Without pg_read_all_stats the pid and the application are known, and no age is invented."""
    conn.execute(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sweeper') THEN"
        " CREATE ROLE sweeper LOGIN; END IF; END $$"
    )
    conn.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO sweeper")
    inside.env["DATABASE_URL"] = db.replace("postgres@", "sweeper@", 1)
    holder = other("migration")
    holder.execute("LOCK TABLE active_sessions IN ACCESS EXCLUSIVE MODE")
    result = inside("cleanup-sessions", "--json")
    assert result.code == 75, result.err
    pid = holder.info.backend_pid
    said = f"public.active_sessions was locked by pid {pid} (migration) for "
    assert result.json["message"].startswith(said)


@contextmanager
def waiting(conn: Conn, waiter: Conn, statement: str) -> Iterator[None]:
    """While `waiter` waits for the lock of `statement`."""

    def ask() -> None:
        with closing(waiter), pytest.raises(psycopg.errors.QueryCanceled):
            waiter.execute(statement)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = %s"
        until(lambda: conn.execute(waits, [waiter.info.backend_pid]).fetchone() == (1,), "it waits")
        yield
    finally:
        conn.execute("SELECT pg_cancel_backend(%s)", [waiter.info.backend_pid])
        thread.join()


def test_a_session_that_waits_for_another(inside: Inside, stale: Conn, other: Connect) -> None:
    """ALTER TABLE behind a long reader keeps all others out: both are named."""
    reader, waiter = other("report"), other("deploy")
    reader.execute("SELECT FROM active_sessions")
    pids = reader.info.backend_pid, waiter.info.backend_pid
    with waiting(stale, waiter, "ALTER TABLE active_sessions ADD COLUMN more int"):
        result = inside("cleanup-sessions", "--json")
    assert result.code == 75
    assert f"public.active_sessions was locked by pid {pids[1]} (deploy, " in result.err
    assert f"), which waits for pid {pids[0]}, for " in result.err
    assert left(stale) == (1, 1)


def test_a_job_that_updates(inside: Inside, other: Connect) -> None:
    """It says that nothing was updated."""
    other("migration").execute("LOCK TABLE processing_jobs IN ACCESS EXCLUSIVE MODE")
    result = inside("cleanup-abandoned-jobs", "--action", "mark")
    assert result.code == 75
    assert "public.processing_jobs was locked by pid " in result.err
    assert "Nothing was updated; the next run tries again." in result.err
