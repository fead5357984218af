"""maint db"""

import psycopg
import pytest

from maintcli.db import toolkit
from tests.parts.inside import Inside


def test_migrate_makes_the_tables_once(inside: Inside, bare_db: str) -> None:
    """The second time there is nothing to apply."""
    inside.env = {"DATABASE_URL": bare_db}
    first = inside("db", "migrate", "--json")
    assert (first.code, first.json["schema"]) == (0, "public")
    assert first.json["applied"]
    assert inside("db", "migrate", "--json").json["applied"] == []
    assert f"version {toolkit.VERSION}" in inside("db", "migrate").out


def test_migrate_makes_the_configured_schema(inside: Inside, bare_db: str) -> None:
    """And every command finds the tables there."""
    inside.env = {"DATABASE_URL": bare_db, "MAINT_DATABASE_SCHEMA": "upkeep"}
    assert inside("db", "migrate", "--json").json["schema"] == "upkeep"
    assert inside("db", "check", "--json").json["schema"] == "upkeep"
    assert inside("status").code == 0


def test_check_says_what_is_needed(inside: Inside) -> None:
    """Each table with the privileges that a run needs on it."""
    result = inside("db", "check", "--json")
    assert (result.code, result.json["ok"]) == (0, True)
    names = ("job_heartbeats", "job_runs", "job_slots", "maint_migrations")
    assert [table["table"] for table in result.json["tables"]] == [f"public.{n}" for n in names]
    assert "as needed" in inside("db", "check").out


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("SELECT 1", "maint db migrate"),
        ("CREATE TABLE job_runs ()", "was not made by maint"),
    ],
)
def test_check_fails_with_78(inside: Inside, bare_db: str, spoil: str, words: str) -> None:
    """Absent tables, and strangers of the same name; the JSON says why."""
    with psycopg.connect(bare_db) as connection:
        connection.execute(spoil)  # type: ignore[arg-type]
    result = inside("db", "check", "--json", env={"DATABASE_URL": bare_db})
    assert (result.code, result.json["ok"]) == (78, False)
    assert words in result.json["message"]


def test_example_gives_every_job_something_to_do(inside: Inside, bare_db: str) -> None:
    """As many sessions as asked for; refused the second time, with nothing changed."""
    inside.env = {"DATABASE_URL": bare_db}
    made = inside("db", "example", "--sessions", "50", "--seed", "0.5", "--json")
    assert made.json["sessions"] == 50
    assert "active_sessions" in made.json["tables"]
    with psycopg.connect(bare_db) as connection:
        assert connection.execute("SELECT count(*) FROM active_sessions").fetchall() == [(50,)]
    again = inside("db", "example")
    assert (again.code, again.out) == (78, "")
    assert "nothing changed" in again.err


@pytest.mark.parametrize(
    "arguments", [("--sessions", "-1"), ("--sessions", "x"), ("--seed", "2"), ("--seed", "nan")]
)
def test_bad_options_of_example_are_wrong_usage(inside: Inside, arguments: tuple[str, ...]) -> None:
    """One sentence that names the option."""
    result = inside("db", "example", "=".join(arguments))
    assert (result.code, result.out) == (2, "")
    assert f"{arguments[0]}: " in result.err


@pytest.mark.parametrize("command", ["migrate", "example"])
def test_a_role_that_may_not_create_tables_gets_the_grant(
    inside: Inside, bare_db: str, command: str
) -> None:
    """As on PostgreSQL 15 in the schema public; with the statement run, the command works."""
    inside.env = {"DATABASE_URL": bare_db.replace("postgres@", "closed@", 1)}
    with psycopg.connect(bare_db, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS closed; CREATE ROLE closed LOGIN")
        result = inside("db", command)
        assert (result.code, result.out) == (77, "")
        sentence, statement = result.err.splitlines()
        assert "Role closed may not create tables in schema public." in sentence
        assert statement == 'GRANT USAGE, CREATE ON SCHEMA "public" TO "closed";'
        absent = inside("db", command, env={"MAINT_DATABASE_SCHEMA": "upkeep"})
        if command == "migrate":
            assert 'CREATE SCHEMA "upkeep" AUTHORIZATION "closed";' in absent.err
        connection.execute(statement.encode())
        assert inside("db", command).code == 0
        connection.execute("DROP OWNED BY closed CASCADE; DROP ROLE closed")
