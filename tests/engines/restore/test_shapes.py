"""maint restore: tables of every shape."""

from pathlib import Path

import pytest

from tests.engines.restore.test_restore import contents
from tests.parts.archives import Conn, archiving
from tests.parts.inside import Inside


@pytest.mark.parametrize("deferrable", ["", " DEFERRABLE INITIALLY DEFERRED"])
def test_tables_that_refer_to_each_other(
    inside: Inside, conn: Conn, tmp_path: Path, deferrable: str
) -> None:
    """A circle goes back in one statement, whether its constraints can wait or not."""
    conn.execute(f"""
        CREATE TABLE a (id integer PRIMARY KEY, b_id integer);
        CREATE TABLE b (id integer PRIMARY KEY, a_id integer REFERENCES a {deferrable});
        ALTER TABLE a ADD FOREIGN KEY (b_id) REFERENCES b ON DELETE CASCADE {deferrable};
        INSERT INTO a VALUES (1); INSERT INTO b VALUES (1, 1); UPDATE a SET b_id = 1;
    """)
    before = contents(conn, "a", "b")
    archive = archiving(conn, tmp_path / "archive", "a")
    kept = archive.keep([archive.section("a", "true"), archive.section("b", "true")])
    conn.execute("UPDATE a SET b_id = NULL; DELETE FROM b; DELETE FROM a")
    archive.enter(kept)
    assert inside("restore", archive.run_id, "--json").json["restored_count"] == 2
    assert contents(conn, "a", "b") == before


def test_a_tree_that_was_removed_from_its_leaves(
    inside: Inside, conn: Conn, tmp_path: Path
) -> None:
    """The last batch comes back first: with it the parents."""
    conn.execute("""
        CREATE TABLE tree (id integer PRIMARY KEY, up integer REFERENCES tree);
        INSERT INTO tree SELECT i, nullif(i / 2, 0) FROM generate_series(1, 31) i;
    """)
    before = contents(conn, "tree")
    archive = archiving(conn, tmp_path / "archive", "tree")
    for low, high in ((16, 31), (4, 15), (1, 3)):
        archive.batch(("tree", f"id BETWEEN {low} AND {high}"))
    assert inside("restore", archive.run_id, "--json").json["restored_count"] == 31
    assert contents(conn, "tree") == before


def test_rows_without_a_key_come_back_in_the_same_number(
    inside: Inside, conn: Conn, tmp_path: Path
) -> None:
    """Copies in several batches, copies that stayed, NULL in a unique column, types without =."""
    conn.execute("""
        CREATE TABLE log (code integer UNIQUE, at timestamptz, doc json, place point);
        INSERT INTO log SELECT NULL, '2026-01-01', '{"a":  1}', '(1,2)' FROM generate_series(1, 5);
        INSERT INTO log VALUES (1, 'infinity', NULL, NULL), (NULL, NULL, 'null', NULL);
    """)
    before = contents(conn, "log")
    archive = archiving(conn, tmp_path / "archive", "log")
    some = "ctid IN (SELECT ctid FROM log WHERE at = '2026-01-01' LIMIT 2)"
    archive.batch(("log", some))
    archive.batch(("log", some))
    archive.batch(("log", "at IS NULL OR at = 'infinity'"))
    for restored in (6, 0):
        for more in (["--dry-run"], []):
            report = inside("restore", archive.run_id, "--json", *more).json
            assert (report["restored_count"], report["existing_count"]) == (restored, 6 - restored)
        assert contents(conn, "log") == before


@pytest.mark.parametrize("rows_at_once", [2, 1000])
def test_without_a_ledger_rows_without_a_key_are_compared_as_a_whole(
    inside: Inside, conn: Conn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_at_once: int
) -> None:
    """As many copies go back as are missing, and a second restore brings none."""
    monkeypatch.setattr("maintcli.engines.restore.restore._LEFT_ROWS", rows_at_once)
    conn.execute("""
        CREATE TABLE log (at timestamptz, doc json, place point);
        INSERT INTO log SELECT '2026-01-01', '{"a":  1}', '(1,2)' FROM generate_series(1, 5);
        INSERT INTO log VALUES (NULL, 'null', NULL);
    """)
    before = contents(conn, "log")
    archive = archiving(conn, tmp_path / "archive", "log")
    for _ in range(2):
        archive.batch(("log", "ctid IN (SELECT ctid FROM log ORDER BY at LIMIT 3)"))
    archive.end()
    conn.execute("DELETE FROM job_runs WHERE run_id = %s", [archive.run_id])
    there = "--from", archive.location
    assert inside("restore", archive.run_id).code == 2
    for restored in (6, 0):
        for more in ("--dry-run", "--no-ledger"):
            found = inside("restore", archive.run_id, "--json", *there, more)
            assert found.json["restored_count"] == restored, found.err
            assert found.json["existing_count"] == 6 - restored
        assert contents(conn, "log") == before


@pytest.mark.parametrize("left", [0, 23])
def test_rows_without_a_key_that_are_gone_again_are_not_there(
    inside: Inside, conn: Conn, tmp_path: Path, left: int
) -> None:
    """Equal rows are counted: those that lack are said (3), and --no-ledger puts them back."""
    conn.execute("""
        CREATE TABLE ev (at timestamptz, f integer);
        INSERT INTO ev SELECT '2026-01-01', 1 FROM generate_series(1, 30);
    """)
    archive = archiving(conn, tmp_path / "archive", "ev")
    for _ in range(2):
        archive.batch(("ev", "ctid IN (SELECT ctid FROM ev LIMIT 15)"))
    archive.end()
    assert inside("restore", archive.run_id).code == 0
    conn.execute("DELETE FROM ev WHERE ctid IN (SELECT ctid FROM ev LIMIT %s)", [30 - left])
    again = inside("restore", archive.run_id, "--json")
    assert (again.code, again.json["outcome"]) == (3, "partial")
    assert (again.json["restored_count"], again.json["existing_count"]) == (0, left)
    assert again.json["missing_count"] == 30 - left
    assert conn.execute("SELECT count(*) FROM ev").fetchone() == (left,)

    there = "--from", archive.location, "--no-ledger"
    assert f"maint restore {archive.run_id} {' '.join(there)}" in again.err
    marks = conn.execute("SELECT * FROM job_archives ORDER BY number").fetchall()
    found = inside("restore", archive.run_id, "--json", *there)
    assert (found.code, found.json["restored_count"]) == (0, 30 - left), found.err
    assert conn.execute("SELECT count(*) FROM ev").fetchone() == (30,)
    assert conn.execute("SELECT * FROM job_archives ORDER BY number").fetchall() == marks


def test_a_dry_run_counts_equal_rows_without_a_key(
    inside: Inside, conn: Conn, tmp_path: Path
) -> None:
    """Those that went back earlier and are gone again are not said to be there."""
    conn.execute("""
        CREATE TABLE ev (at timestamptz, f integer);
        INSERT INTO ev SELECT '2026-01-01', 1 FROM generate_series(1, 30);
    """)
    archive = archiving(conn, tmp_path / "archive", "ev")
    archive.batch(("ev", "true"))
    archive.end()
    assert inside("restore", archive.run_id).code == 0
    conn.execute("DELETE FROM ev WHERE ctid IN (SELECT ctid FROM ev LIMIT 7)")
    dry = inside("restore", archive.run_id, "--json", "--dry-run").json
    assert (dry["existing_count"], dry["missing_count"], dry["restored_count"]) == (23, 7, 0)
    there = "--from", archive.location, "--no-ledger"
    dry = inside("restore", archive.run_id, "--json", "--dry-run", *there).json
    assert (dry["existing_count"], dry["missing_count"], dry["restored_count"]) == (23, 0, 7)


def test_no_ledger_needs_the_place_of_the_archive(
    inside: Inside, conn: Conn, tmp_path: Path
) -> None:
    """The ledger is not read to find it."""
    conn.execute("CREATE TABLE ev (at timestamptz); INSERT INTO ev VALUES (now())")
    archive = archiving(conn, tmp_path / "archive", "ev")
    archive.batch(("ev", "true"))
    found = inside("restore", archive.run_id, "--no-ledger")
    assert found.code == 2
    assert "--no-ledger needs --from" in found.err


def test_of_files_some_went_back_earlier(inside: Inside, conn: Conn, tmp_path: Path) -> None:
    """Equal rows that go back now are not taken for those of an earlier restore."""
    conn.execute("CREATE TABLE ev (f integer); INSERT INTO ev SELECT 1 FROM generate_series(1, 30)")
    archive = archiving(conn, tmp_path / "archive", "ev")
    for _ in range(2):
        archive.batch(("ev", "ctid IN (SELECT ctid FROM ev LIMIT 15)"))
    archive.end()
    conn.execute("UPDATE job_archives SET restored = '{public.ev}' WHERE number = 2")
    found = inside("restore", archive.run_id, "--json")
    assert (found.code, found.json["restored_count"], found.json["missing_count"]) == (3, 15, 15)
    assert found.json["existing_count"] == 0
    assert conn.execute("SELECT count(*) FROM ev").fetchone() == (15,)
