"""The toolkit's tables from one version to the next."""

from collections.abc import Generator

import psycopg
import pytest

from maintcli.db import toolkit
from tests.parts.inside import Inside
from tests.parts.ledger import Conn, beat, run_was

_NEW = ("job_attempts", "job_watermarks", "job_sightings", "job_replays")


@pytest.fixture
def old(inside: Inside, bare_db: str, monkeypatch: pytest.MonkeyPatch) -> Generator[Conn]:
    """A database at version 4, with rows in its tables; `inside` works there."""
    inside.env = {"DATABASE_URL": bare_db}
    with monkeypatch.context() as patched:
        first = toolkit._migrations()[:4]
        patched.setattr(toolkit, "_migrations", lambda: first)
        assert inside("db", "migrate").code == 0
    with psycopg.connect(bare_db, autocommit=True) as connection:
        beat(connection, consecutive_failures=2)
        run_id = run_was(connection, "failed")
        connection.execute("INSERT INTO job_slots (slot) VALUES (1)")
        connection.execute(
            "INSERT INTO job_archives VALUES (%s, 1, '/a', 'f', 's', 1, '{}')", [run_id]
        )
        connection.execute("INSERT INTO job_erasures (run_id, subject) VALUES (%s, 'u')", [run_id])
        yield connection


def _rows(conn: Conn) -> list[tuple[object, ...]]:
    tables = ("job_heartbeats", "job_runs", "job_slots", "job_archives", "job_erasures")
    query = " UNION ALL ".join(
        f"SELECT '{t}', (to_jsonb(x) - 'paused_until')::text FROM {t} x" for t in tables
    )
    return conn.execute(query).fetchall()  # type: ignore[arg-type]


def test_a_run_at_an_older_version_names_the_command(inside: Inside, old: Conn) -> None:
    """Nothing is run, and nothing is migrated by itself."""
    result = inside("cleanup-sessions", "--json")
    assert result.code == 78
    assert "are at version 4 and this maint needs 6. Run: maint db migrate" in result.err
    assert old.execute("SELECT max(version) FROM maint_migrations").fetchone() == (4,)


def test_migrate_keeps_every_row_of_an_older_version(inside: Inside, old: Conn) -> None:
    """The new tables are there, empty, ours and checked; what was recorded stays as it was."""
    before = _rows(old)
    assert len(before) == 5
    assert inside("db", "migrate", "--json").json["applied"] == ["0005_queues", "0006_pauses"]
    assert _rows(old) == before
    for table in _NEW:
        assert old.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)  # type: ignore[arg-type]
    assert inside("db", "check").code == 0
    assert inside("db", "migrate", "--json").json["applied"] == []


@pytest.mark.parametrize("table", _NEW)
def test_a_stranger_of_a_new_name_is_not_touched(inside: Inside, old: Conn, table: str) -> None:
    """It keeps its row, the version stays, and the error says which setting to change."""
    old.execute(f"CREATE TABLE {table} AS SELECT 1 AS mine")  # type: ignore[arg-type]
    result = inside("db", "migrate")
    assert result.code == 78
    assert f"{table} exists in schema public and was not made by maint" in result.err
    assert 'schema = "maint"' in result.err
    assert old.execute("SELECT max(version) FROM maint_migrations").fetchone() == (4,)
    assert old.execute(f"SELECT mine FROM {table}").fetchone() == (1,)  # type: ignore[arg-type]


def test_uninstall_drops_the_new_tables_too(inside: Inside, old: Conn) -> None:
    """All that a migration made, and nothing else."""
    old.execute("CREATE TABLE mine ()")
    assert inside("db", "migrate").code == 0
    assert inside("db", "uninstall", "--yes").code == 0
    assert old.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    ).fetchall() == [("mine",)]
