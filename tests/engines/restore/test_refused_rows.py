"""maint restore: rows that cannot go back are counted and named, and the others do go back."""

from pathlib import Path

import pytest

from tests.engines.restore.test_restore import FAMILY, contents
from tests.parts.archives import Conn, archiving
from tests.parts.inside import Inside


@pytest.mark.parametrize("wait", ["NOT DEFERRABLE", "DEFERRABLE INITIALLY DEFERRED"])
def test_a_parent_that_is_gone_leaves_its_children_out(
    inside: Inside, conn: Conn, tmp_path: Path, wait: str
) -> None:
    """Exit code 3, the rows by table with the constraint's name; the rest is restored.

    A constraint that would wait for the COMMIT is looked at before.
    """
    conn.execute(FAMILY)
    conn.execute(f"ALTER TABLE child ALTER CONSTRAINT child_parent_id_fkey {wait}")
    archive = archiving(conn, tmp_path / "archive", "parent")
    archive.batch(("child", "parent_id IN (1, 2)"))
    conn.execute("DELETE FROM friend; DELETE FROM parent WHERE id = 2")
    found = inside("restore", archive.run_id, "--json")
    assert (found.code, found.json["outcome"]) == (3, "partial")
    assert (found.json["restored_count"], found.json["failed_count"]) == (4, 4)
    (warning,) = [w for w in found.json["warnings"] if "could not" in w]
    assert "4 rows of public.child" in warning
    assert "child_parent_id_fkey" in warning
    assert conn.execute("SELECT count(*) FROM child WHERE parent_id = 1").fetchone() == (4,)


def test_grandchildren_of_a_refused_row_are_refused_too(
    inside: Inside, conn: Conn, tmp_path: Path
) -> None:
    """And so is a child whose parent comes with it but is turned away by another key."""
    conn.execute("""
        CREATE TABLE a (id integer PRIMARY KEY, email text UNIQUE);
        CREATE TABLE b (id integer PRIMARY KEY, a_id integer REFERENCES a ON DELETE CASCADE);
        CREATE TABLE c (id integer PRIMARY KEY, b_id integer REFERENCES b ON DELETE CASCADE);
        INSERT INTO a SELECT i, 'mail' || i FROM generate_series(1, 3) i;
        INSERT INTO b SELECT i, i FROM generate_series(1, 3) i;
        INSERT INTO c SELECT i, i FROM generate_series(1, 3) i;
    """)
    archive = archiving(conn, tmp_path / "archive", "a")
    archive.batch(("a", "true"), ("b", "true"), ("c", "true"))
    conn.execute("INSERT INTO a VALUES (77, 'mail2')")
    report = inside("restore", archive.run_id, "--json").json
    assert report["exit_code"] == 3
    assert report["tables"] == {"public.a": 2, "public.b": 2, "public.c": 2}
    assert (report["existing_count"], report["failed_count"]) == (0, 3)


@pytest.mark.parametrize("wait", ["NOT DEFERRABLE", "DEFERRABLE INITIALLY DEFERRED"])
def test_a_row_whose_other_key_is_taken_is_not_there(
    inside: Inside, conn: Conn, tmp_path: Path, wait: str
) -> None:
    """It is refused by table and reason, in a dry run too; the same primary key is `existing`."""
    conn.execute(f"""
        CREATE TABLE uq (id integer PRIMARY KEY, email text UNIQUE {wait});
        INSERT INTO uq SELECT i, 'e' || i FROM generate_series(1, 10) i;
    """)
    archive = archiving(conn, tmp_path / "archive", "uq")
    archive.batch(("uq", "true"))
    conn.execute("INSERT INTO uq VALUES (100, 'e1'), (2, 'changed')")
    would = inside("restore", archive.run_id, "--dry-run", "--json")
    found = inside("restore", archive.run_id, "--json")
    assert (would.code, found.code) == (0, 3)
    for report in (would.json, found.json):
        assert report["restored_count"] == 8
        assert (report["existing_count"], report["failed_count"]) == (1, 1)
        assert any(
            w.startswith("1 row of public.uq") and w.endswith("another row has its email")
            for w in report["warnings"]
        )
    conn.execute("DELETE FROM uq WHERE id = 100")
    again = inside("restore", archive.run_id, "--json")
    assert (again.code, again.json["restored_count"], again.json["existing_count"]) == (0, 1, 9)


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("CREATE UNIQUE INDEX lowered ON uq (lower(email))", "lowered"),
        ("CREATE UNIQUE INDEX partly ON uq (email) WHERE email <> ''", "partly"),
        ("ALTER TABLE uq ADD CONSTRAINT hash EXCLUDE (email WITH =)", "hash"),
    ],
)
@pytest.mark.parametrize("primary", ["PRIMARY KEY", ""])
def test_keys_that_are_more_than_columns_hide_no_row(
    inside: Inside, conn: Conn, tmp_path: Path, key: str, says: str, primary: str
) -> None:
    """Unique over an expression or in part, or exclusive; the identical row is there."""
    conn.execute(f"""
        CREATE TABLE uq (id integer {primary}, email text); {key};
        INSERT INTO uq SELECT i, 'e' || i FROM generate_series(1, 3) i;
    """)
    archive = archiving(conn, tmp_path / "archive", "uq")
    archive.batch(("uq", "true"))
    conn.execute("INSERT INTO uq VALUES (100, 'e1'), (2, 'e2')")
    dry = inside("restore", archive.run_id, "--dry-run")
    assert "would restore up to" in dry.err
    assert f"does not look at {says}" in dry.err
    found = inside("restore", archive.run_id, "--json")
    assert (found.code, found.json["restored_count"]) == (3, 1)
    assert (found.json["existing_count"], found.json["failed_count"]) == (1, 1)
    assert any(says in warning for warning in found.json["warnings"])


def test_a_table_without_a_primary_key_goes_by_the_keys_it_has(
    inside: Inside, conn: Conn, tmp_path: Path
) -> None:
    """One key is enough to be the same row; of two, both have to be in one row."""
    conn.execute("""
        CREATE TABLE one (code integer UNIQUE, note text);
        CREATE TABLE two (code integer NOT NULL UNIQUE, email text UNIQUE);
        INSERT INTO one SELECT i, 'n' || i FROM generate_series(1, 3) i;
        INSERT INTO two SELECT i, 'e' || i FROM generate_series(1, 3) i;
    """)
    archive = archiving(conn, tmp_path / "archive", "one", "two")
    archive.batch(("one", "true"), ("two", "true"))
    conn.execute("INSERT INTO one VALUES (1, 'new'); INSERT INTO two VALUES (1, 'e1'), (9, 'e2')")
    report = inside("restore", archive.run_id, "--json").json
    assert report["tables"] == {"public.one": 2, "public.two": 1}
    assert (report["existing_count"], report["failed_count"]) == (2, 1)


def test_a_row_that_a_trigger_swallows_is_not_there(
    inside: Inside, conn: Conn, tmp_path: Path
) -> None:
    """An INSERT that reports no error and inserts nothing."""
    conn.execute("""
        CREATE TABLE gone (id integer PRIMARY KEY);
        INSERT INTO gone SELECT generate_series(1, 3);
        CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RETURN CASE WHEN new.id = 2 THEN NULL ELSE new END; END $$;
    """)
    archive = archiving(conn, tmp_path / "archive", "gone")
    archive.batch(("gone", "true"))
    conn.execute(
        "CREATE TRIGGER swallow BEFORE INSERT ON gone FOR EACH ROW EXECUTE FUNCTION swallow()"
    )
    found = inside("restore", archive.run_id, "--json")
    assert (found.code, found.json["restored_count"], found.json["failed_count"]) == (3, 2, 1)
    assert any("a trigger or a rule kept it out" in warning for warning in found.json["warnings"])


@pytest.mark.parametrize(
    "obstacle",
    [
        "ALTER TABLE child ADD CONSTRAINT odd CHECK (id % 2 = 0) NOT VALID",
        """CREATE FUNCTION object() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN IF new.id % 2 = 1 THEN RAISE EXCEPTION 'odd'; END IF; RETURN new; END $$;
           CREATE TRIGGER object BEFORE INSERT ON child FOR EACH ROW EXECUTE FUNCTION object()""",
    ],
    ids=["a constraint", "a trigger"],
)
def test_rows_that_are_no_longer_allowed_are_left_out(
    inside: Inside, conn: Conn, tmp_path: Path, obstacle: str
) -> None:
    """A new CHECK, a trigger that objects: row by row, and the rest goes back."""
    conn.execute(FAMILY)
    archive = archiving(conn, tmp_path / "archive", "parent")
    archive.batch(("child", "parent_id IN (1, 2)"))
    conn.execute(obstacle)
    found = inside("restore", archive.run_id, "--json")
    assert found.code == 3
    assert (found.json["restored_count"], found.json["failed_count"]) == (4, 4)
    assert any("odd" in warning for warning in found.json["warnings"])


def test_links_are_mended_only_where_nobody_linked_anew(
    inside: Inside, conn: Conn, tmp_path: Path
) -> None:
    """Not in a row that is gone, not where there is a new value, not to a parent that is gone."""
    conn.execute(FAMILY)
    archive = archiving(conn, tmp_path / "archive", "parent")
    links = [
        archive.section("friend", "true", columns=("id", column), kind="links", key=1)
        for column in ("parent_id", "home_id")
    ]
    conn.execute("DELETE FROM child")
    archive.batch(("parent", "id > 0"), links=links)
    conn.execute("DELETE FROM friend WHERE id = 1; UPDATE friend SET parent_id = 0 WHERE id = 2")
    report = inside("restore", archive.run_id, "--json").json
    assert (report["mended_count"], report["unmended_count"]) == (5, 3)
    assert contents(conn, "friend") == [[("(2,0,2)",), ("(3,3,3)",), ("(4,4,4)",)]]


def test_a_link_to_a_parent_that_is_gone_is_refused(
    inside: Inside, conn: Conn, tmp_path: Path
) -> None:
    """The others are mended."""
    conn.execute(FAMILY)
    conn.execute("DELETE FROM child")
    archive = archiving(conn, tmp_path / "archive", "parent")
    link = archive.section("friend", "true", columns=("id", "parent_id"), kind="links", key=1)
    kept = archive.keep([link])
    conn.execute("UPDATE friend SET parent_id = NULL, home_id = 0; DELETE FROM parent WHERE id = 4")
    archive.enter(kept)
    report = inside("restore", archive.run_id, "--json").json
    assert report["exit_code"] == 3
    assert (report["mended_count"], report["failed_count"]) == (3, 1)


def test_rows_that_refer_to_another_partition_than_a_refused_one_go_back(
    inside: Inside, conn: Conn, tmp_path: Path
) -> None:
    """A parent in any partition is one, though PostgreSQL keeps a key for each of them."""
    conn.execute("""
        CREATE TABLE whole (id integer PRIMARY KEY) PARTITION BY RANGE (id);
        CREATE TABLE low PARTITION OF whole FOR VALUES FROM (0) TO (10);
        CREATE TABLE high PARTITION OF whole FOR VALUES FROM (10) TO (20);
        CREATE TABLE refers (id integer PRIMARY KEY, up integer REFERENCES whole ON DELETE CASCADE);
        INSERT INTO whole VALUES (1), (11), (12);
        INSERT INTO refers VALUES (1, 1), (2, 11), (3, 12);
    """)
    archive = archiving(conn, tmp_path / "archive", "whole")
    archive.batch(("refers", "true"))
    conn.execute("DELETE FROM whole WHERE id = 12")
    found = inside("restore", archive.run_id, "--json")
    assert (found.code, found.json["restored_count"], found.json["failed_count"]) == (3, 2, 1)
    assert conn.execute("SELECT array_agg(id ORDER BY id) FROM refers").fetchone() == ([1, 2],)
