"""One row with very many below it is no transaction of minutes, where its children may go first."""

import psycopg
import pytest

from tests.parts.family import Family, child
from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[object, ...]]

# Each transaction that deletes leaves its number and how many rows it deleted.
WATCH = """
CREATE TABLE seen (tx xid8 DEFAULT pg_current_xact_id(), rows bigint);
CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO seen (rows) SELECT count(*) FROM gone HAVING count(*) > 0; RETURN NULL; END $$;
"""


def watched(*tables: str) -> str:
    """Have deletes from `tables` seen."""
    return WATCH + "".join(
        f"CREATE TRIGGER w AFTER DELETE ON {table} REFERENCING OLD TABLE AS gone"
        " FOR EACH STATEMENT EXECUTE FUNCTION watch();"
        for table in tables
    )


def transactions(family: Family) -> list[int]:
    """The rows that each transaction deleted."""
    rows = family.conn.execute("SELECT sum(rows) FROM seen GROUP BY tx ORDER BY tx").fetchall()
    return [int(str(row[0])) for row in rows]


@pytest.fixture
def family(conn: Conn, inside: Inside) -> Family:
    """Tables swept with children first."""
    return Family(conn, inside)


def test_one_parent_with_200_000_children_is_many_batches(family: Family) -> None:
    """Every batch is bounded, the parent goes last, and all is counted."""
    family.make(child("a"))
    family.roots(old=1, young=1)
    family.do(
        "INSERT INTO a SELECT i, 1 + (i % 10 = 0)::int FROM generate_series(1, 200000) i",
        watched("a"),
    )
    result = family.sweep()
    found = result.json
    assert found["tables"] == {"public.roots": 1, "public.a": 180_000}, result.err
    assert found["batches"] > 5
    sizes = transactions(family)
    assert sum(sizes) == 180_000
    assert len(sizes) > 5
    assert max(sizes) <= 40_000


def test_not_final_is_one_transaction(family: Family) -> None:
    """A row that might become fresh again loses nothing before it goes itself."""
    family = Family(family.conn, family.inside, final=False)
    family.make(child("a"))
    family.roots(old=1)
    family.do("INSERT INTO a SELECT i, 1 FROM generate_series(1, 20000) i", watched("a"))
    assert family.sweep().json["tables"] == {"public.roots": 1, "public.a": 20_000}
    assert transactions(family) == [20_000]


def test_grandchildren_go_before_children(family: Family) -> None:
    """Three levels, each too large for a step."""
    family.make(child("a"), child("b", "a"))
    family.roots(old=2)
    family.do(
        "INSERT INTO a SELECT i, i % 2 + 1 FROM generate_series(1, 6000) i",
        "INSERT INTO b SELECT i, CASE WHEN i < 9000 THEN 1 ELSE i % 6000 + 1 END FROM generate_series(1, 20000) i",
        watched("b"),
    )
    found = family.sweep().json
    assert found["tables"] == {"public.roots": 2, "public.a": 6_000, "public.b": 20_000}
    assert len(transactions(family)) > 3


def test_a_wide_tree_in_one_table(family: Family) -> None:
    """Replies to replies: leaves go first, in several transactions."""
    family.make(child("a"))
    family.do(
        "ALTER TABLE a ADD reply int REFERENCES a ON DELETE CASCADE; CREATE INDEX ON a (reply)"
    )
    family.roots(old=1, young=1)
    family.do(
        "INSERT INTO a SELECT i, 1, nullif(i / 20, 0) FROM generate_series(1, 12000) i",
        "INSERT INTO a SELECT i, 2, NULL FROM generate_series(12001, 12010) i",
        watched("a"),
    )
    result = family.sweep()
    assert result.json["tables"] == {"public.roots": 1, "public.a": 12_000}, result.err
    assert family.count("a") == 10
    assert len(transactions(family)) > 3


def test_a_circle_of_two_tables_with_fewer_rows_of_each_than_a_step_takes(family: Family) -> None:
    """Together they are more: what a step leaves out is found, and counted, by the next."""
    family.make(child("a"), child("b", "a"))
    family.do(
        "ALTER TABLE a ADD of int REFERENCES b ON DELETE CASCADE; CREATE INDEX ON a (of)",
        "INSERT INTO roots VALUES (1, now() - interval '1 year')",
        "INSERT INTO a VALUES (1, 1)",
        "INSERT INTO b SELECT i, 1 FROM generate_series(1, 1500) i",
        "INSERT INTO a SELECT i + 1, NULL, i FROM generate_series(1, 1500) i",
    )
    result = family.sweep()
    expected = {"public.roots": 1, "public.a": 1_501, "public.b": 1_500}
    assert result.json["tables"] == expected, result.err


def test_a_long_chain_in_one_table(family: Family) -> None:
    """A chain longer than a step cannot be cut into steps from above: it goes as a whole.

    So long that whoever looked at the rows so far for each further row would take hours.
    """
    family.make(child("a"))
    family.do(
        "ALTER TABLE a ADD reply int REFERENCES a ON DELETE CASCADE; CREATE INDEX ON a (reply)"
    )
    family.roots(old=1)
    family.do(
        "INSERT INTO a SELECT i, CASE i WHEN 1 THEN 1 END, nullif(i - 1, 0) FROM generate_series(1, 20000) i"
    )
    result = family.sweep()
    assert result.json["tables"] == {"public.roots": 1, "public.a": 20_000}, result.err


def test_references_are_taken_in_bounded_steps(family: Family) -> None:
    """SET NULL of very many rows is several transactions as well."""
    family.make(child("a", action="SET NULL"), child("b", action="SET NULL"))
    family.roots(old=1, young=1)
    family.do(
        "INSERT INTO a SELECT i, 1 FROM generate_series(1, 15000) i",
        "INSERT INTO b SELECT i, 1 + i % 2 FROM generate_series(1, 15000) i",
        "CREATE TABLE steps (tx xid8)",
        "CREATE FUNCTION step() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO steps VALUES (pg_current_xact_id()); RETURN NULL; END $$",
        "CREATE TRIGGER s AFTER UPDATE ON a FOR EACH STATEMENT EXECUTE FUNCTION step()",
    )
    found = family.sweep().json
    assert (found["deleted_count"], found["unlinked_count"]) == (1, 22_500)
    assert family.count("a", "up IS NULL") == 15_000
    assert family.count("(SELECT DISTINCT tx FROM steps) AS s") > 3


def test_a_trigger_that_touches_the_parent_is_respected(family: Family) -> None:
    """A child's trigger would make the parent fresh half way: then the parent goes with all, at once."""
    family.make(child("a"))
    family.roots(old=2)
    family.do(
        "INSERT INTO a SELECT i, i % 2 + 1 FROM generate_series(1, 9000) i",
        "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN UPDATE roots SET seen = now() WHERE id = old.up; RETURN NULL; END $$",
        "CREATE TRIGGER t AFTER DELETE ON a FOR EACH ROW EXECUTE FUNCTION touch()",
    )
    result = family.sweep()
    assert result.json["tables"] == {"public.roots": 2, "public.a": 9_000}, result.err


def test_a_trigger_that_keeps_rows_ends_the_sweep_all_the_same(family: Family) -> None:
    """Rows that a BEFORE trigger keeps are no reason to go round and round; what is said is what went."""
    family.make(child("a"))
    family.roots(old=3)
    family.do(
        "INSERT INTO a SELECT i, i % 3 + 1 FROM generate_series(1, 9000) i",
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF old.id % 2 = 0 THEN RETURN NULL; END IF; RETURN old; END $$",
        "CREATE TRIGGER k BEFORE DELETE ON a FOR EACH ROW EXECUTE FUNCTION keep()",
    )
    result = family.sweep()
    assert result.code == 0, result.err
    assert result.json["tables"]["public.a"] == 9_000 - family.count("a") == 4_500
    assert result.json["deleted_count"] == 3 - family.count("roots")
