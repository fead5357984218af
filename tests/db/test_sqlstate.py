"""What PostgreSQL says reaches the user in full, and without the content of a row."""

import psycopg
import pytest

from maintcli.db import sqlstate
from tests.parts.family import Family
from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[object, ...]]
SECRET = "ann@example.org"


@pytest.fixture
def shop(conn: Conn) -> Conn:
    """Some tables, one row, and what can go wrong with it."""
    for statement in (
        "CREATE TABLE shop (mail text PRIMARY KEY, n int CHECK (n > 0), needed text NOT NULL)",
        f"INSERT INTO shop VALUES ('{SECRET}', 1, 'x')",
        "CREATE TABLE orders (mail text REFERENCES shop)",
        f"INSERT INTO orders VALUES ('{SECRET}')",
        "CREATE TABLE heap (n int)",
        "INSERT INTO heap VALUES (1)",
        "CREATE PUBLICATION sent FOR TABLE heap",
        "CREATE VIEW positive AS SELECT * FROM shop WHERE n > 0 WITH CHECK OPTION",
    ):
        conn.execute(statement)  # type: ignore[arg-type]
    return conn


def said(conn: Conn, statement: str) -> list[str]:
    """Both forms of the error that `statement` leads to."""
    with pytest.raises(psycopg.Error) as caught:
        conn.execute(statement)  # type: ignore[arg-type]
    return [str(sqlstate.meaning(caught.value)), sqlstate.said(caught.value)]


OBJECTS = {
    "DELETE FROM heap": "Hint: To enable deleting from the table, set REPLICA IDENTITY",
    "DROP TABLE shop": "Detail: constraint orders_mail_fkey on table orders depends on table shop",
    "SELECT lenght('a')": "Hint: No function matches the given name",
    "DO $$ BEGIN RAISE 'held' USING HINT = 'Ask legal.'; END $$": "held",
}


@pytest.mark.parametrize(("statement", "words"), OBJECTS.items(), ids=list(OBJECTS))
def test_detail_and_hint_are_passed_on(shop: Conn, statement: str, words: str) -> None:
    """In one line, each a sentence."""
    for text in said(shop, statement):
        assert words in text


ROWS = [
    f"INSERT INTO shop VALUES ('{SECRET}', 1, 'x')",
    f"DELETE FROM shop WHERE mail = '{SECRET}'",
    f"UPDATE shop SET n = -1 WHERE mail = '{SECRET}'",
    f"UPDATE shop SET needed = NULL WHERE mail = '{SECRET}'",
    f"UPDATE positive SET n = 0 WHERE mail = '{SECRET}'",
    "SELECT mail::int FROM shop",
    "SELECT mail::timestamptz FROM shop",
    "SELECT mail::json FROM shop",
    f"DO $$ BEGIN RAISE 'no' USING DETAIL = '{SECRET}', ERRCODE = '42501'; END $$",
]


@pytest.mark.parametrize("statement", ROWS)
def test_values_of_a_row_are_not_passed_on(shop: Conn, statement: str) -> None:
    """PostgreSQL writes them into the DETAIL, and for a failed cast into its first line."""
    for text in said(shop, statement):
        assert text
        assert "ann" not in text


def test_a_run_that_fails_shows_no_row_content(conn: Conn, inside: Inside) -> None:
    """Nor does its traceback under -v, or the ledger."""
    family = Family(conn, inside)
    family.make(
        "CREATE TABLE audit (mail text PRIMARY KEY)",
        f"INSERT INTO audit VALUES ('{SECRET}')",
        f"CREATE FUNCTION audited() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO audit"
        f" VALUES (''{SECRET[:3]}'' || ''{SECRET[3:]}''); RETURN old; END'",
        "CREATE TRIGGER audited BEFORE DELETE ON roots FOR EACH ROW EXECUTE FUNCTION audited()",
    )
    family.roots(old=1)
    result = family.sweep("-v")
    assert result.code != 0
    assert "audit_pkey" in result.err
    for text in (result.err, result.out, str(conn.execute("SELECT * FROM job_runs").fetchall())):
        assert SECRET not in text
    assert family.count("roots") == 1
