"""`maint db example --drop` and `maint db uninstall`: only what is maint's, all or nothing."""

from typing import Any

import psycopg
import pytest

from maintcli.db import example, toolkit
from tests.jobs.every import Conn, one
from tests.parts.inside import Inside
from tests.parts.ledger import beat, lease, run_was

DROP = ("db", "example", "--drop", "--yes")
UNINSTALL = ("db", "uninstall", "--yes")


@pytest.fixture
def mine(inside: Inside, bare_db: str) -> Inside:
    """The command against a database with the example, maint's tables and one of the user's."""
    inside.env["DATABASE_URL"] = bare_db
    assert inside("db", "migrate").code == 0
    assert inside("db", "example", "--sessions", "10").code == 0
    with psycopg.connect(bare_db) as connection:
        connection.execute("CREATE TABLE orders AS SELECT 1 AS id")
    return inside


def tables(url: str) -> set[str]:
    """What is in any schema of the user's."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'v')"
            " AND relnamespace::regnamespace::text !~ '^(pg_|information_schema)'"
        )
        return {name for (name,) in rows}


def test_both_together_leave_what_was_there_before(mine: Inside, bare_db: str) -> None:
    """The user's table stays, and nothing else."""
    found = mine(*DROP, "--json")
    assert sorted(found.json["dropped"]) == sorted(example.TABLES)
    assert tables(bare_db) == {"orders", *toolkit.TABLES}
    found = mine(*UNINSTALL, "--json")
    assert sorted(found.json["dropped"]) == sorted(toolkit.TABLES)
    assert tables(bare_db) == {"orders"}
    for again in (DROP, UNINSTALL):
        assert (mine(*again).code, mine(*again, "--json").json["dropped"]) == (0, [])


@pytest.mark.parametrize("words", [("example", "--drop"), ("uninstall",)])
def test_without_a_terminal_it_wants_yes(
    mine: Inside, bare_db: str, words: tuple[str, ...]
) -> None:
    """The sentence names the tables; nothing is dropped."""
    before = tables(bare_db)
    result = mine("db", *words)
    assert result.code == 2
    assert "Nothing was changed. Give --yes" in result.err
    assert tables(bare_db) == before


def test_a_table_that_only_has_the_name_stays(inside: Inside, conn: Conn, db: str) -> None:
    """Without maint's comment it is the user's, for both commands."""
    conn.execute("COMMENT ON TABLE users IS 'ours'; COMMENT ON TABLE job_slots IS NULL")
    conn.execute("ALTER TABLE users RENAME TO people; CREATE TABLE users (id int)")
    assert "users" not in inside(*DROP, "--json").json.get("dropped", [])
    inside(*UNINSTALL)
    assert {"users", "job_slots"} <= tables(db)


def test_what_depends_on_one_stops_it_all(mine: Inside, bare_db: str) -> None:
    """A view and a foreign key of the user's; named, and not a table is dropped."""
    with psycopg.connect(bare_db) as connection:
        connection.execute("CREATE VIEW board AS SELECT * FROM job_runs")
        connection.execute("CREATE TABLE notes (who bigint REFERENCES users)")
    before = tables(bare_db)
    for words, what in ((DROP, "notes"), (UNINSTALL, "board")):
        result = mine(*words)
        assert result.code == 65
        assert "Nothing was dropped" in result.err
        assert what in result.err
    assert tables(bare_db) == before


def test_a_schema_that_was_made_for_them_goes(inside: Inside, bare_db: str) -> None:
    """Once it is empty; one that the user made stays."""
    inside.env |= {"DATABASE_URL": bare_db, "MAINT_DATABASE_SCHEMA": "upkeep"}
    assert inside("db", "migrate").code == 0
    assert inside("db", "example", "--schema", "upkeep", "--sessions", "1").code == 0
    assert inside(*DROP, "--schema", "upkeep").code == 0
    assert _schemas(bare_db) == {"public", "upkeep"}
    assert inside(*UNINSTALL).code == 0
    assert _schemas(bare_db) == {"public"}
    with psycopg.connect(bare_db) as connection:
        connection.execute("CREATE SCHEMA upkeep")
    assert inside("db", "migrate").code == 0
    assert inside(*UNINSTALL).code == 0
    assert _schemas(bare_db) == {"public", "upkeep"}


def _schemas(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows: list[tuple[Any, ...]] = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)'"
        ).fetchall()
    return {name for (name,) in rows}


def test_jobs_work_on_an_example_in_a_schema_of_its_own(inside: Inside, bare_db: str) -> None:
    """As the command says: with the schema first in the search path."""
    inside.env["DATABASE_URL"] = bare_db
    said = inside("db", "example", "--schema", "play", "--sessions", "50").out
    assert "PGOPTIONS=-csearch_path=play" in said
    inside.env["PGOPTIONS"] = "-csearch_path=play"
    assert inside("db", "migrate").code == 0
    found = inside("cleanup-sessions", "--json")
    assert found.json["tables"].keys() == {"play.active_sessions"}


def test_uninstall_waits_for_no_run(inside: Inside, conn: Conn) -> None:
    """While one holds a lease it is refused, with 75."""
    run_id = run_was(conn, "running")
    beat(conn)
    lease(conn, run_id, left="1 min")
    result = inside(*UNINSTALL)
    assert result.code == 75
    assert "cleanup-sessions is running" in result.err
    assert one(conn, "SELECT count(*) FROM job_runs") == 1
    lease(conn, run_id, left="-1 min")
    assert inside(*UNINSTALL).code == 0


@pytest.mark.parametrize("words", [DROP, UNINSTALL])
@pytest.mark.parametrize("rights", ["", "GRANT USAGE ON SCHEMA public TO guest"])
def test_another_role_is_told_who_may_drop_them(
    mine: Inside, bare_db: str, words: tuple[str, ...], rights: str
) -> None:
    """It sees the tables in the catalog, whatever it may do with them: never "nothing to drop"."""
    before = tables(bare_db)
    with psycopg.connect(bare_db) as connection:
        connection.execute("DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN")
        connection.execute(f"REVOKE ALL ON SCHEMA public FROM PUBLIC; {rights}")
        owner = connection.info.user
    result = mine(*words, env={"DATABASE_URL": f"{bare_db}&user=guest"})
    assert result.code == 77
    assert f"in schema public is owned by {owner}, so nothing was dropped. Run this" in result.err
    assert tables(bare_db) == before
