"""How long a dry run expects a real one to take."""

from typing import Any

import psycopg

from tests.parts.inside import Inside

Conn = psycopg.Connection[Any]
RULE = """[[retention]]
table = "t"
column = "seen"
keep = "30d"
allow-sql = true
where = "{}"
"""


def made(conn: Conn, rows: int) -> None:
    """Make a table of old rows, 20 of them a block, with an index on their keys."""
    conn.execute("CREATE TABLE t (id int PRIMARY KEY, seen timestamptz NOT NULL, filler text)")
    conn.execute(
        "CREATE FUNCTION slow(seconds float) RETURNS boolean LANGUAGE plpgsql COST 1 AS"
        " 'BEGIN PERFORM pg_sleep(seconds); RETURN true; END'"
    )
    conn.execute(
        "INSERT INTO t SELECT i, '2020-01-01', repeat('x', 350) FROM generate_series(1, %s) i",
        [rows],
    )


def expected(inside: Inside, where: str) -> float:
    """What a dry run expects, in seconds of work."""
    (inside.folder / "maint.toml").write_text(RULE.format(where))
    found = inside("retention-cleanup", "-n", "--max-percent", "100", "--share", "100", "--json")
    assert found.code == 0, found.err
    return float(found.json["expected_seconds"])


def test_a_way_that_batches_cannot_go_is_not_what_is_measured(inside: Inside, conn: Conn) -> None:
    """A count finds the one row by its key; a batch looks at every row, each for 2 ms."""
    made(conn, 800)
    slow = "(id = 7 OR slow(0.002) IS NULL) AND id = 7"
    assert expected(inside, slow) >= 799 * 0.002


def test_some_windows_stand_for_a_large_table(inside: Inside, conn: Conn) -> None:
    """Of 400 blocks 128 are looked at, or as many as the time allows."""
    made(conn, 8_000)
    slow = "(id = 7 OR slow(0.0005) IS NULL) AND id = 7"
    assert expected(inside, slow) >= 8_000 * 0.0005 / 2
