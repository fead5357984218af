"""The reference schema: whole, all or nothing, and confined to the first schema of the path."""

import re
from collections.abc import Iterator
from importlib import resources

import psycopg
import pytest

from maintcli.db import example, toolkit
from maintcli.db.connect import Connection
from maintcli.errors import ConfigError

_UNINDEXED = """
SELECT conrelid::regclass::text || '.' || conname FROM pg_constraint c
WHERE contype = 'f' AND connamespace = current_schema()::regnamespace AND NOT EXISTS (
    SELECT FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1])
"""


@pytest.fixture
def database(bare_db: str) -> Iterator[Connection]:
    with psycopg.connect(bare_db, autocommit=True) as connection:
        yield connection


def test_the_schema_holds_exactly_the_tables_it_names(database: Connection) -> None:
    """No table is forgotten in the list that `existing` and ANALYZE go by."""
    example.create_schema(database)
    assert _tables(database, "public") == sorted(example.TABLES)


def test_the_columns_are_those_of_the_tables(database: Connection) -> None:
    """As they are read from the statements, for sections of [tables.NAME.columns]."""
    example.create_schema(database)
    found = database.execute(
        "SELECT relname::text, array_agg(attname::text ORDER BY attnum) FROM pg_class"
        " JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0"
        " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' GROUP BY relname"
    )
    assert example.columns() == dict(found.fetchall())


def test_every_table_says_what_it_is_for() -> None:
    """Above each CREATE TABLE stands a comment."""
    folder = resources.files("maintcli.db") / "sql" / "example" / "schema"
    texts = [file.read_text("utf-8") for file in folder.iterdir()]
    described = re.findall(r"^-- .*\.\nCREATE TABLE (\w+)", "\n".join(texts), re.MULTILINE)
    assert sorted(described) == sorted(example.TABLES)


def test_every_foreign_key_has_an_index(database: Connection) -> None:
    """Deleting a parent never scans a child."""
    example.create_schema(database)
    assert database.execute(_UNINDEXED).fetchall() == []


def test_one_taken_name_refuses_all(database: Connection) -> None:
    """A view, as good as a table, stops the example; nothing else is made."""
    database.execute("CREATE VIEW jobs AS SELECT 1 AS mine")
    assert example.existing(database) == {"jobs": False}
    with pytest.raises(ConfigError, match="Schema public already holds jobs, so"):
        example.create(database)
    assert _tables(database, "public") == ["jobs"]


def test_a_second_time_is_refused_and_keeps_the_first(database: Connection) -> None:
    """The sentence says how to remove it; the exit code is that of the configuration."""
    example.create(database, sessions=10)
    assert example.existing(database) == dict.fromkeys(example.TABLES, True)
    with pytest.raises(ConfigError, match="maint db example --drop"):
        example.create(database, sessions=20)
    assert _count(database, "active_sessions") == 10


def test_a_failure_while_filling_leaves_nothing(database: Connection) -> None:
    """A seed that PostgreSQL refuses takes the tables with it."""
    with pytest.raises(psycopg.Error):
        example.create(database, seed=7)
    assert example.existing(database) == {}


def test_other_tables_in_the_schema_refuse_it(database: Connection) -> None:
    """An application's tables are named, three of them, and nothing is made beside them."""
    for name in ("orders", "customers", "invoices", "payments"):
        database.execute(f"CREATE TABLE {name} (id int)".encode())
    with pytest.raises(ConfigError, match=r"customers, invoices, orders and 1 more.*--schema NAME"):
        example.create(database)
    assert len(_tables(database, "public")) == 4
    assert example.create(database, "maint_example", sessions=10) == "maint_example"
    assert _tables(database, "maint_example") == sorted(example.TABLES)
    assert len(_tables(database, "public")) == 4


def test_maint_s_own_tables_and_an_extension_s_do_not_refuse_it(database: Connection) -> None:
    """They are no application's."""
    toolkit.migrate(database)
    database.execute("CREATE EXTENSION pg_buffercache")
    assert example.create(database, sessions=10) == "public"


def test_only_the_first_schema_of_the_search_path_counts(database: Connection) -> None:
    """An application's `users` further down the path neither stops the example nor gets rows."""
    database.execute("CREATE TABLE users (LIKE pg_database)")
    database.execute('CREATE SCHEMA "Odd; name"')
    database.execute('SET search_path = "Odd; name", public')
    example.create(database, sessions=10)
    assert _tables(database, "public") == ["users"]
    assert _count(database, "public.users") == 0


def test_filling_never_reaches_past_the_first_schema(database: Connection) -> None:
    """Without the tables there, `fill` fails instead of finding an application's own."""
    example.create_schema(database)
    database.execute("CREATE SCHEMA elsewhere")
    database.execute("SET search_path = elsewhere, public")
    with pytest.raises(psycopg.errors.UndefinedTable):
        example.fill(database)
    assert _count(database, "public.users") == 0


def test_the_search_path_is_left_as_it_was(database: Connection) -> None:
    """Behind a pooler a changed session would reach strangers."""
    before = database.execute("SHOW search_path").fetchone()
    example.create(database, sessions=10)
    assert database.execute("SHOW search_path").fetchone() == before


def test_a_search_path_without_a_schema_is_explained(database: Connection) -> None:
    """The sentence says which setting to change."""
    database.execute("SET search_path = nowhere")
    with pytest.raises(ConfigError, match="search path"):
        example.create(database)


def _tables(database: Connection, schema: str) -> list[str]:
    query = "SELECT relname, relkind FROM pg_class WHERE relnamespace = %s::regnamespace"
    return sorted(name for name, kind in database.execute(query, [schema]) if kind in "rv")


def _count(database: Connection, source: str) -> int:
    row = database.execute(f"SELECT count(*) FROM {source}".encode()).fetchone()
    assert row is not None
    return int(row[0])
