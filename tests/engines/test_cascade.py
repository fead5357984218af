"""What a sweep does to rows that refer to the ones it deletes."""

import re

import psycopg
import pytest

from tests.parts.family import Family, child
from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[object, ...]]


@pytest.fixture(params=[True, False], ids=["final", "not final"])
def family(request: pytest.FixtureRequest, conn: Conn, inside: Inside) -> Family:
    """Tables that refer to each other, swept in both ways."""
    return Family(conn, inside, final=bool(request.param))


def test_children_go_with_their_parents_and_are_counted(family: Family) -> None:
    """Three levels deep, every row that goes is counted once, and no other goes."""
    family.make(child("a"), child("b", "a"), child("c", "b"))
    family.roots(old=300, young=100)
    family.do(
        "INSERT INTO a SELECT i, i % 400 + 1 FROM generate_series(1, 2000) i",
        "INSERT INTO b SELECT i, i % 2000 + 1 FROM generate_series(1, 4000) i",
        "INSERT INTO c SELECT i, i % 4000 + 1 FROM generate_series(1, 4000) i",
    )
    result = family.sweep()
    assert result.code == 0, result.err
    found = result.json
    assert found["deleted_count"] == family.ledger() == 300
    assert found["tables"] == {
        "public.roots": 300,
        "public.a": 1500,
        "public.b": 3000,
        "public.c": 3000,
    }
    assert found["cascaded_count"] == 7500
    assert [family.count(t) for t in ("roots", "a", "b", "c")] == [100, 500, 1000, 1000]


def test_a_table_reached_on_two_ways_loses_each_row_once(family: Family) -> None:
    """A diamond: what both ways reach is counted once."""
    family.make(child("a"), child("b"))
    family.do(
        "CREATE TABLE c (id int PRIMARY KEY, a int REFERENCES a ON DELETE CASCADE,"
        " b int REFERENCES b ON DELETE CASCADE)"
    )
    family.roots(old=50, young=50)
    family.do(
        "INSERT INTO a SELECT i, i FROM generate_series(1, 100) i",
        "INSERT INTO b SELECT i, i FROM generate_series(1, 100) i",
        "INSERT INTO c SELECT i, i, 101 - i FROM generate_series(1, 100) i",
        "INSERT INTO c SELECT 100 + i, i, i FROM generate_series(1, 100) i",
    )
    found = family.sweep().json
    assert found["tables"] == {
        "public.roots": 50,
        "public.a": 50,
        "public.b": 50,
        "public.c": 150,
    }
    assert family.count("c") == 50


def test_a_key_of_several_columns_of_another_type(family: Family) -> None:
    """Columns are compared as the foreign key compares them, in its order."""
    family.make(
        "ALTER TABLE roots ADD place text NOT NULL DEFAULT 'x', ADD UNIQUE (place, id)",
        "CREATE TABLE a (id bigint, place varchar(9), FOREIGN KEY (place, id)"
        " REFERENCES roots (place, id) ON DELETE CASCADE)",
    )
    family.roots(old=40, young=10)
    family.do(
        "INSERT INTO a SELECT i, 'x' FROM generate_series(1, 50) i",
        "INSERT INTO a VALUES (1, NULL), (NULL, 'x')",
    )
    assert family.sweep().json["tables"] == {"public.roots": 40, "public.a": 40}
    assert family.count("a") == 12


def test_references_are_taken_from_rows_that_stay(family: Family) -> None:
    """SET NULL and SET DEFAULT: the rows stay, are counted, and refer to nothing or to another."""
    family.make(child("a", action="SET NULL"))
    family.do(
        "CREATE TABLE b (id int PRIMARY KEY, up int DEFAULT 99 REFERENCES roots ON DELETE SET DEFAULT)"
    )
    family.roots(old=90, young=10)
    family.do(
        "INSERT INTO a SELECT i, i FROM generate_series(1, 100) i",
        "INSERT INTO b SELECT i, i FROM generate_series(1, 100) i",
    )
    found = family.sweep().json
    assert found["deleted_count"] == 90
    assert (found["cascaded_count"], found["unlinked_count"]) == (0, 180)
    assert family.count("a", "up IS NULL") == 90
    assert family.count("b", "up = 99") == 91


@pytest.mark.parametrize("action", ["RESTRICT", "NO ACTION"])
def test_what_is_referred_to_stays_and_the_rest_goes(family: Family, action: str) -> None:
    """Exit 3: roots, and roots of rows, that others refer to stay with all below; who keeps them is named."""
    family.make(child("a"), child("keeps", "a", action), child("holds", action=action))
    family.roots(old=100, young=10)
    family.do(
        "INSERT INTO a SELECT i, i % 110 + 1 FROM generate_series(1, 220) i",
        "INSERT INTO keeps SELECT i, i FROM generate_series(1, 5) i",  # of roots 2 to 6
        "INSERT INTO holds SELECT i, i FROM generate_series(5, 8) i",  # roots 5 to 8
    )
    result = family.sweep()
    found = result.json
    assert (result.code, found["outcome"]) == (3, "partial"), result.err
    assert found["deleted_count"] == family.ledger() == 93
    assert found["blocked_count"] == 7
    assert found["tables"] == {"public.roots": 93, "public.a": 186}
    assert family.count("roots", "id BETWEEN 2 AND 8") == 7
    assert family.count("a", "up BETWEEN 2 AND 8") == 14
    assert "7 rows of public.roots cannot be deleted: public." in found["message"]
    assert "public.holds (holds_up_fkey)" in found["message"]
    assert "public.keeps (keeps_up_fkey)" in found["message"]


KEEPERS = {
    "a plain key": "CREATE TABLE holds (up int REFERENCES roots)",
    "RESTRICT and deferrable": (
        "CREATE TABLE holds (up int REFERENCES roots ON UPDATE CASCADE ON DELETE RESTRICT"
        " DEFERRABLE INITIALLY DEFERRED)"
    ),
    "not valid": (
        "CREATE TABLE holds (up int);"
        "ALTER TABLE holds ADD CONSTRAINT k FOREIGN KEY (up) REFERENCES roots NOT VALID"
    ),
    "a partitioned table": (
        "CREATE TABLE holds (up int REFERENCES roots) PARTITION BY HASH (up);"
        "CREATE TABLE h0 PARTITION OF holds FOR VALUES WITH (MODULUS 1, REMAINDER 0)"
    ),
    "odd names": (
        'CREATE TABLE holds ("up) ON DELETE RESTRICT" int CONSTRAINT "k""1" REFERENCES roots)'
    ),
    "not null, and a schema with an odd name": (
        'CREATE SCHEMA "A b"; CREATE TABLE "A b"."C;d" (up int NOT NULL REFERENCES roots);'
        'CREATE VIEW holds AS TABLE "A b"."C;d"'
    ),
    "several columns, matched in full": (
        "ALTER TABLE roots ADD place text NOT NULL DEFAULT 'x', ADD UNIQUE (place, id);"
        "CREATE TABLE holds (up int, place text DEFAULT 'x', FOREIGN KEY (place, up)"
        " REFERENCES roots (place, id) MATCH FULL ON UPDATE CASCADE)"
    ),
    "one partition alone": (
        "CREATE TABLE holds (up int) PARTITION BY HASH (up);"
        "CREATE TABLE h0 PARTITION OF holds (FOREIGN KEY (up) REFERENCES roots)"
        " FOR VALUES WITH (MODULUS 1, REMAINDER 0)"
    ),
    "a table further below": (
        "CREATE TABLE a (id int PRIMARY KEY REFERENCES roots ON DELETE CASCADE);"
        "CREATE TABLE holds (up int REFERENCES a)"
    ),
}


@pytest.mark.parametrize("how", KEEPERS)
def test_the_statements_given_let_rows_go(conn: Conn, inside: Inside, how: str) -> None:
    """The foreign key is made anew with ON DELETE CASCADE, else as it was, and gets an index."""
    family = Family(conn, inside)
    family.make(KEEPERS[how])
    family.roots(old=10)
    if "below" in how:
        family.do("INSERT INTO a SELECT id FROM roots")
    family.do("INSERT INTO holds SELECT i FROM generate_series(1, 4) i")
    dry, kept = family.sweep("--dry-run"), family.sweep()
    assert "without ON DELETE CASCADE" in dry.err
    assert "without ON DELETE CASCADE" in kept.json["message"]
    (statements,) = [one["remedies"] for one in dry.json["cascades"] if one["remedies"]]
    assert statements == kept.json["statements"]
    assert statements[0].startswith("CREATE INDEX ")
    for run in (dry, kept):
        assert "\n".join(["", *statements, ""]) in run.err
    before, keys = family.count("roots"), _keys(family)
    family.do(*statements)
    assert family.count("roots") == before
    action = re.compile("( ON DELETE [A-Z]+)?(?=$| DEFERRABLE| NOT VALID)")
    assert _keys(family) == [action.sub(" ON DELETE CASCADE", one, count=1) for one in keys]
    gone = family.sweep()
    assert gone.code == 0, gone.err
    assert "Slow:" not in family.sweep("--dry-run").err
    assert (family.count("roots"), family.count("holds")) == (0, 0)


def test_the_statements_for_a_table_that_refers_to_itself(conn: Conn, inside: Inside) -> None:
    """What they say holds: the rows that refer go as well, whatever their age."""
    family = Family(conn, inside)
    family.make("ALTER TABLE roots ADD up int REFERENCES roots")
    family.do(
        "INSERT INTO roots VALUES (1, '2001-01-01'), (2, now()), (3, now())",
        "UPDATE roots SET up = 1 WHERE id = 2",
    )
    kept = family.sweep()
    assert (kept.code, kept.json["blocked_count"]) == (3, 1)
    assert "whatever their age" in kept.json["message"]
    family.do(*kept.json["statements"])
    assert family.sweep().code == 0
    assert conn.execute("SELECT id FROM roots").fetchall() == [(3,)]


def test_a_key_that_cannot_cascade_gets_no_statements(conn: Conn, inside: Inside) -> None:
    """PostgreSQL 18 knows foreign keys over periods, which know no ON DELETE CASCADE."""
    if conn.info.server_version < 180000:
        pytest.skip("needs PostgreSQL 18")
    family = Family(conn, inside)
    family.do(
        "CREATE TABLE roots (id int4range, during daterange DEFAULT '[2000-01-01,2100-01-01)',"
        " seen timestamptz, PRIMARY KEY (id, during WITHOUT OVERLAPS))",
        "CREATE TABLE holds (up int4range, during daterange DEFAULT '[2001-01-01,2002-01-01)',"
        " FOREIGN KEY (up, PERIOD during) REFERENCES roots (id, PERIOD during))",
        "INSERT INTO roots (id, seen) VALUES ('[1,2)', '2001-01-01')",
        "INSERT INTO holds VALUES ('[1,2)')",
    )
    kept = family.sweep()
    assert (kept.code, "statements" in kept.json) == (3, False), kept.err
    assert (family.count("roots"), family.count("holds")) == (1, 1)


def _keys(family: Family) -> list[str]:
    rows = family.conn.execute(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype = 'f' AND conrelid >= 'roots'::regclass ORDER BY conname"
    )
    return [str(definition) for (definition,) in rows]


def test_a_row_may_refer_to_one_that_goes_as_well(family: Family) -> None:
    """NO ACTION from a row that goes with the same root keeps nothing."""
    family.make(
        "CREATE TABLE texts (id int PRIMARY KEY, up int REFERENCES roots ON DELETE CASCADE)",
        "ALTER TABLE roots ADD current int REFERENCES texts",
    )
    family.roots(old=20, young=5)
    family.do(
        "INSERT INTO texts SELECT i, i FROM generate_series(1, 25) i",
        "UPDATE roots SET current = id",
    )
    result = family.sweep()
    assert (result.code, result.json["deleted_count"], family.count("texts")) == (0, 20, 5)


def test_rows_of_one_table_that_refer_to_each_other(family: Family) -> None:
    """A tree in one table: all below a stale row goes, fresh or not, and counts as the table's own."""
    family.make("ALTER TABLE roots ADD up int REFERENCES roots ON DELETE CASCADE")
    family.roots(old=30, young=300)
    family.do("UPDATE roots SET up = id / 10 WHERE id > 30")
    doomed = family.count(
        "roots",
        "id IN (WITH RECURSIVE t(id) AS (SELECT id FROM roots WHERE id <= 30 UNION"
        " SELECT r.id FROM roots r JOIN t ON r.up = t.id) SELECT id FROM t)",
    )
    result = family.sweep()
    assert result.json["deleted_count"] == family.ledger() == doomed, result.err
    assert family.count("roots") == 330 - doomed


def test_tables_that_refer_to_each_other_in_a_circle(family: Family) -> None:
    """The circle is followed until nothing new is found."""
    family.make(child("a"), child("b", "a"))
    family.do("ALTER TABLE a ADD of_b int REFERENCES b ON DELETE CASCADE")
    family.roots(old=1, young=1)
    family.do(
        "INSERT INTO a SELECT i, CASE i WHEN 1 THEN 1 WHEN 100 THEN 2 END FROM generate_series(1, 100) i",
        "INSERT INTO b SELECT i, i FROM generate_series(1, 100) i",
        "UPDATE a SET of_b = id - 1 WHERE id BETWEEN 2 AND 40",
    )
    found = family.sweep().json
    assert found["tables"] == {"public.roots": 1, "public.a": 40, "public.b": 40}
    assert (family.count("a"), family.count("b")) == (60, 60)


def test_parents_of_the_same_table_may_go_in_any_order(family: Family) -> None:
    """NO ACTION within the table: the parent is tried again once its children are gone."""
    family.make("ALTER TABLE roots ADD up int REFERENCES roots")
    family.roots(old=3000)
    family.do("UPDATE roots SET up = id + 1000 WHERE id <= 1000", "VACUUM FULL roots")
    result = family.sweep()
    assert (result.code, result.json["deleted_count"]) == (0, 3000), result.err
    family.do(f"INSERT INTO roots SELECT i, {family.old}, NULL FROM generate_series(1, 3000) i")
    family.do("UPDATE roots SET up = id - 1 WHERE id > 2995")
    result = family.sweep()
    assert (result.code, result.json["deleted_count"]) == (0, 3000), result.err


def test_children_in_partitions(family: Family) -> None:
    """A partitioned child is counted as one table; its leaves are all reached."""
    family.make(
        "CREATE TABLE a (id int, up int REFERENCES roots ON DELETE CASCADE) PARTITION BY RANGE (id)",
        "CREATE TABLE a1 PARTITION OF a FOR VALUES FROM (0) TO (100)",
        "CREATE TABLE a2 PARTITION OF a FOR VALUES FROM (100) TO (1000) PARTITION BY RANGE (up)",
        "CREATE TABLE a2d PARTITION OF a2 DEFAULT",
    )
    family.roots(old=50, young=50)
    family.do("INSERT INTO a SELECT i, i % 100 + 1 FROM generate_series(0, 199) i")
    assert family.sweep().json["tables"] == {"public.roots": 50, "public.a": 100}
    assert family.count("a") == 100


def test_a_partitioned_parent(family: Family) -> None:
    """Foreign keys that refer to a partitioned table are followed from each of its leaves."""
    family.do(
        "CREATE TABLE roots (id int PRIMARY KEY, seen timestamptz NOT NULL) PARTITION BY RANGE (id)",
        "CREATE TABLE r1 PARTITION OF roots FOR VALUES FROM (0) TO (50)",
        "CREATE TABLE r2 PARTITION OF roots FOR VALUES FROM (50) TO (1000)",
        child("a"),
        child("b", action="RESTRICT"),
    )
    family.roots(old=80, young=20)
    family.do(
        "INSERT INTO a SELECT i, i % 100 + 1 FROM generate_series(0, 199) i",
        "INSERT INTO b VALUES (1, 10), (2, 60)",
    )
    result = family.sweep()
    assert result.code == 3, result.err
    assert result.json["tables"] == {"public.roots": 78, "public.a": 156}
