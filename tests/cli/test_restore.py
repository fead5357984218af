"""maint restore, as a command."""

from pathlib import Path

import psycopg

from tests.engines.restore.test_restore import FAMILY, contents
from tests.parts.archives import Archiving, Conn, archiving
from tests.parts.inside import Inside


def removed(conn: Conn, folder: Path) -> Archiving:
    """An archive of the children of two parents, in two files."""
    conn.execute(FAMILY)
    archive = archiving(conn, folder, "parent")
    archive.batch(("child", "parent_id = 1"))
    archive.batch(("child", "parent_id = 2"))
    return archive


def test_a_dry_run_counts_and_changes_nothing(inside: Inside, conn: Conn, tmp_path: Path) -> None:
    """What would go back and what is there; in transactions that cannot write."""
    archive = removed(conn, tmp_path / "archive")
    conn.execute("INSERT INTO child VALUES (1, 3)")
    before = contents(conn, "child", "job_runs", "job_archives", "job_heartbeats")
    found = inside("restore", archive.run_id, "--dry-run")
    assert (found.code, "would restore 7, existing 1" in found.out) == (0, True), found.err
    assert "would restore 7 rows of public.child" in found.err
    assert contents(conn, "child", "job_runs", "job_archives", "job_heartbeats") == before


def test_one_table_alone(inside: Inside, conn: Conn, tmp_path: Path) -> None:
    """--table takes it with and without its schema; one that is not there is wrong usage."""
    conn.execute(FAMILY)
    archive = archiving(conn, tmp_path / "archive", "parent")
    conn.execute("DELETE FROM friend")
    archive.batch(("parent", "id = 1"), ("child", "parent_id = 1"))
    partial = inside("restore", archive.run_id, "--table", "child", "--json")
    assert (partial.code, partial.json["failed_count"]) == (3, 4)
    for table, count in (("public.parent", 1), ("child", 4)):
        report = inside("restore", archive.run_id, "--table", table, "--json").json
        assert (report["restored_count"], report["exit_code"]) == (count, 0)
    found = inside("restore", archive.run_id, "--table", "nothing")
    assert (found.code, "public.child, public.parent" in found.err) == (2, True)


def test_triggers_are_named(inside: Inside, conn: Conn, tmp_path: Path) -> None:
    """Those that fire, and the advice that the rows are as old as before."""
    archive = removed(conn, tmp_path / "archive")
    conn.execute("""
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
        CREATE TRIGGER told AFTER INSERT ON child FOR EACH ROW EXECUTE FUNCTION f();
        CREATE TRIGGER deaf AFTER INSERT ON child FOR EACH ROW EXECUTE FUNCTION f();
        CREATE TRIGGER other AFTER UPDATE ON child FOR EACH ROW EXECUTE FUNCTION f();
        ALTER TABLE child DISABLE TRIGGER deaf;
    """)
    warnings = inside("restore", archive.run_id, "--json").json["warnings"]
    assert warnings[0] == "these triggers fire: public.child: told (INSERT)"
    assert "maint pause cleanup-sessions" in warnings[1]


def test_it_is_a_run_of_its_own(inside: Inside, conn: Conn, tmp_path: Path) -> None:
    """In the ledger, with its figures; and status knows no such job to be late."""
    archive = removed(conn, tmp_path / "archive")
    report = inside("restore", archive.run_id, "--json").json
    past = inside("show", report["run_id"], "--json").json
    assert (past["job"], past["outcome"], past["batches"]) == ("restore", "success", 2)
    assert past["updated_count"] == 8
    assert past["parameters"]["run"] == archive.run_id
    assert inside("status").code == 0


def test_a_role_without_the_right_is_told_the_grant(
    inside: Inside, conn: Conn, tmp_path: Path
) -> None:
    """77, before anything."""
    archive = removed(conn, tmp_path / "archive")
    conn.execute("DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN")
    conn.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    dsn = inside.env["DATABASE_URL"].replace("postgres@", "reader@")
    archive.end()
    there = "--no-ledger", "--from", archive.location
    found = inside("restore", archive.run_id, *there, env={"DATABASE_URL": dsn})
    conn.execute("DROP OWNED BY reader; DROP ROLE reader")
    assert found.code == 77
    assert 'GRANT INSERT ON "public"."child" TO "reader"' in found.err


def test_a_row_locked_by_others_is_waited_for(inside: Inside, conn: Conn, tmp_path: Path) -> None:
    """A row with the same key in a transaction that goes on: 75, and nothing half done."""
    archive = removed(conn, tmp_path / "archive")
    left = contents(conn, "child")
    with psycopg.connect(inside.env["DATABASE_URL"]) as other:
        other.execute("INSERT INTO child VALUES (1, 1)")
        found = inside("restore", archive.run_id, "--json")
        assert (found.code, found.json["restored_count"]) == (75, 4)
        other.rollback()
    assert contents(conn, "child") != left
    assert inside("restore", archive.run_id, "--json").json["restored_count"] == 4
