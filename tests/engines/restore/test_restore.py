"""maint restore: what was archived comes back, exactly, and once."""

from pathlib import Path

from tests.parts.archives import Conn, archiving
from tests.parts.inside import Inside

FAMILY = """
CREATE TABLE parent (id integer PRIMARY KEY, name text);
CREATE TABLE child (id integer PRIMARY KEY, parent_id integer REFERENCES parent ON DELETE CASCADE);
CREATE TABLE friend (id integer PRIMARY KEY, parent_id integer REFERENCES parent ON DELETE SET NULL,
                     home_id integer DEFAULT 0 REFERENCES parent ON DELETE SET DEFAULT);
INSERT INTO parent SELECT i, 'p' || i FROM generate_series(0, 4) i;
INSERT INTO child SELECT i, i % 5 FROM generate_series(0, 19) i;
INSERT INTO friend SELECT i, i, i FROM generate_series(1, 4) i;
"""


def contents(conn: Conn, *tables: str) -> list[list[tuple]]:
    """Every row of the tables, as text."""
    return [conn.execute(f"SELECT t::text FROM {t} t ORDER BY 1").fetchall() for t in tables]


def test_what_was_archived_comes_back_and_only_once(
    inside: Inside, conn: Conn, tmp_path: Path
) -> None:
    """Parents, children and links; a second restore finds everything there."""
    conn.execute(FAMILY)
    before = contents(conn, "parent", "child", "friend")
    archive = archiving(conn, tmp_path / "archive", "parent")
    archive.batch(("child", "id < 10 AND parent_id IN (1, 2)"))
    link = archive.section(
        "friend", "parent_id IN (1, 2)", columns=("id", "parent_id"), kind="links", key=1
    )
    home = archive.section(
        "friend", "home_id IN (1, 2)", columns=("id", "home_id"), kind="links", key=1
    )
    archive.batch(("parent", "id IN (1, 2)"), ("child", "parent_id IN (1, 2)"), links=(link, home))
    assert contents(conn, "parent", "child", "friend") != before

    found = inside("restore", archive.run_id, "--json")
    assert found.code == 0, found.err
    report = found.json
    assert (report["restored_count"], report["existing_count"], report["files"]) == (10, 0, 2)
    assert (report["mended_count"], report["unmended_count"]) == (4, 0)
    assert report["tables"] == {"public.parent": 2, "public.child": 8}
    assert contents(conn, "parent", "child", "friend") == before

    again = inside("restore", archive.run_id, "--json").json
    assert (again["restored_count"], again["existing_count"]) == (0, 10)
    assert (again["mended_count"], again["unmended_count"]) == (0, 0)
    assert contents(conn, "parent", "child", "friend") == before


def test_a_link_without_an_old_value_is_left(inside: Inside, conn: Conn, tmp_path: Path) -> None:
    """SET DEFAULT of a key's own column: the key that was archived finds no row any more."""
    conn.execute(FAMILY)
    archive = archiving(conn, tmp_path / "archive", "friend")
    links = archive.section("friend", "id = 1", columns=["id"], kind="links", key=1)
    archive.batch(("friend", "id = 2"), links=[links])
    archive.end()
    found = inside("restore", archive.run_id, "--json")
    assert (found.code, found.json["restored_count"], found.json["unmended_count"]) == (0, 1, 1)
