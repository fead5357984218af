"""maint restore: rows that cannot go back are counted and named, and the others do go back."""

from pathlib import Path

import pytest

from tests.parts.archives import Conn, archiving
from tests.parts.inside import Inside
from tests.work.restore.test_restore import FAMILY, contents


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
    assert (report["existing_count"], report["failed_count"]) == (1, 2)


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
