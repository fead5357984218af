"""maint restore: which run, which files count, where they are."""

import os
from pathlib import Path
from unittest import mock

from maintcli.engines.archive import manifest
from tests.engines.restore.test_restore import FAMILY, contents
from tests.parts.archives import Archiving, Conn, archiving
from tests.parts.inside import Inside
from tests.parts.s3 import s3_server


def removed(conn: Conn, folder: Path) -> Archiving:
    """An archive of two batches of children."""
    conn.execute(FAMILY)
    archive = archiving(conn, folder, "child")
    archive.batch(("child", "id < 5"))
    archive.batch(("child", "id < 10"))
    archive.end()
    return archive


def test_a_file_that_the_ledger_does_not_know_never_counts(
    inside: Inside, conn: Conn, tmp_path: Path
) -> None:
    """Killed between file and COMMIT: its rows were never removed, or are in another file."""
    archive = removed(conn, tmp_path / "archive")
    archive.keep([archive.section("child", "true")])
    conn.execute("DELETE FROM child WHERE id = 12")
    report = inside("restore", archive.run_id, "--json").json
    assert (report["restored_count"], report["files"]) == (10, 2)
    assert conn.execute("SELECT count(*) FROM child WHERE id = 12").fetchone() == (0,)


def test_a_run_that_was_killed_is_restored(inside: Inside, conn: Conn, tmp_path: Path) -> None:
    """Its manifest lists nothing; the ledger knows. While it may go on, it is not touched."""
    conn.execute(FAMILY)
    before = contents(conn, "child")
    archive = archiving(conn, tmp_path / "archive", "child")
    archive.batch(("child", "id < 5"))
    conn.execute("UPDATE job_runs SET outcome = 'running', finished_at = NULL")
    conn.execute(
        "INSERT INTO job_heartbeats (name, lease_token, lease_run_id, lease_expires_at)"
        " VALUES ('cleanup-sessions', 1, %s, now() + interval '1 min')",
        [archive.run_id],
    )
    found = inside("restore", archive.run_id, "--json")
    ends = conn.execute(
        "SELECT to_char(lease_expires_at AT TIME ZONE 'UTC', 'HH24:MI:SS') FROM job_heartbeats"
        " WHERE lease_run_id = %s",
        [archive.run_id],
    ).fetchone()
    assert ends is not None
    assert found.code == 75
    assert found.json["message"] == (
        f"Run {archive.run_id} is still running. Restore it when it has ended. If it was killed,"
        f" its lease ends at {ends[0]} UTC; restore it then."
    )
    conn.execute("UPDATE job_heartbeats SET lease_expires_at = now()")
    assert inside("restore", archive.run_id, "--json").json["restored_count"] == 5
    assert contents(conn, "child") == before


def test_an_archive_that_was_moved(inside: Inside, conn: Conn, tmp_path: Path) -> None:
    """--from says where it is now, the run's own folder being fine, too."""
    archive = removed(conn, tmp_path / "archive")
    (tmp_path / "archive").rename(tmp_path / "elsewhere")
    missing = inside("restore", archive.run_id, "--json")
    assert missing.code == 78
    assert f"{tmp_path}/archive holds no archive of run" in missing.json["message"]
    for place in (tmp_path / "elsewhere", tmp_path / "elsewhere" / archive.run_id):
        report = inside("restore", archive.run_id, "--json", "-n", "--from", str(place)).json
        assert report["restored_count"] == 10


def test_without_a_ledger_the_manifest_tells_what_counts(
    inside: Inside, conn: Conn, tmp_path: Path
) -> None:
    """A database without the toolkit's tables, and a whole run id; --no-ledger is needed."""
    archive = removed(conn, tmp_path / "archive")
    archive.keep([archive.section("child", "true")])
    conn.execute("DELETE FROM child WHERE id = 12")
    conn.execute(
        "DROP TABLE job_archives, job_runs, job_heartbeats, job_slots, maint_migrations CASCADE"
    )
    there = ("--from", archive.location)
    assert "--no-ledger" in inside("restore", archive.run_id, *there).err
    assert inside("restore", archive.run_id[:13], "--no-ledger", *there).code == 2
    found = inside("restore", archive.run_id, "--no-ledger", "--json", *there)
    assert found.json["restored_count"] == 10, found.err
    assert "going by the manifest alone" in found.err


def test_without_a_ledger_a_killed_run_cannot_be_told_from_its_rest(
    inside: Inside, conn: Conn, tmp_path: Path
) -> None:
    """Its manifest has no list: nothing is guessed."""
    archive = removed(conn, tmp_path / "archive")
    archive.end(files=None)
    conn.execute("DELETE FROM job_runs")
    found = inside("restore", archive.run_id, "--from", archive.location)
    assert found.code == 78
    assert "only the ledger knows which files count" in found.err


def test_a_run_without_an_archive_is_said(inside: Inside, conn: Conn, tmp_path: Path) -> None:
    """And an unknown run, and a place without a manifest."""
    conn.execute(FAMILY)
    archive = archiving(conn, tmp_path / "archive", "child")
    found = inside("restore", archive.run_id)
    assert (found.code, "none of its batches was archived, as without --archive." in found.err) == (
        78,
        True,
    )
    assert inside("restore", "0123").code == 2
    archive.batch(("child", "true"))
    (tmp_path / "archive" / manifest.key(archive.run_id)).unlink()
    found = inside("restore", archive.run_id)
    assert (found.code, "there is no" in found.err) == (78, True)


def test_a_run_with_an_archive_that_removed_nothing_has_nothing_to_put_back(
    inside: Inside, conn: Conn, tmp_path: Path
) -> None:
    """A sweep of nothing is a success, and so is its restore; also of one table, and when dry."""
    swept = inside("cleanup-sessions", "--archive", str(tmp_path / "archive"), "--json")
    assert (swept.code, swept.json["deleted_count"]) == (0, 0), swept.err
    for flags in ((), ("--dry-run",), ("--table", "active_sessions")):
        found = inside("restore", swept.json["run_id"], "--json", *flags)
        assert (found.code, found.json["restored_count"]) == (0, 0), found.err
        assert "removed nothing, so there is nothing to put back" in found.err
    conn.execute("UPDATE job_runs SET deleted_count = 1 WHERE job = 'cleanup-sessions'")
    assert inside("restore", swept.json["run_id"]).code == 78


def test_a_damaged_file_is_refused_before_the_first_row(
    inside: Inside, conn: Conn, tmp_path: Path
) -> None:
    """By name, be it another content, a lost file, or a manifest of nonsense."""
    archive = removed(conn, tmp_path / "archive")
    left = contents(conn, "child")
    path = tmp_path / "archive" / archive.kept[0].file
    whole = path.read_bytes()
    for damage in (lambda: path.write_bytes(whole + b"\0"), path.unlink):
        damage()
        found = inside("restore", archive.run_id, "--json")
        assert (found.code, found.json["outcome"]) == (65, "refused")
        assert archive.kept[0].file in found.json["message"]
        assert contents(conn, "child") == left
    path.write_bytes(whole)
    (tmp_path / "archive" / manifest.key(archive.run_id)).write_text("{}")
    assert inside("restore", archive.run_id).code == 65


def test_an_archive_in_a_bucket(inside: Inside, conn: Conn) -> None:
    """A real S3, found by the usual variables; a bucket that is gone is one sentence."""
    conn.execute(FAMILY)
    before = contents(conn, "child")
    with s3_server("kept") as variables, mock.patch.dict(os.environ, variables):
        archive = archiving(conn, "s3://kept/some/where", "child")
        archive.batch(("child", "id < 5"))
        archive.batch(("child", "id < 9"))
        dry = inside("restore", archive.run_id, "--json", "-n", env=variables)
        assert (dry.code, dry.json["restored_count"]) == (0, 9), dry.err
        found = inside("restore", archive.run_id, "--json", env=variables)
        assert (found.code, found.json["restored_count"]) == (0, 9), found.err
        lost = inside("restore", archive.run_id, "--from", "s3://lost/x", env=variables)
        assert (lost.code, "holds no archive of run" in lost.err) == (78, True), lost.err
    assert contents(conn, "child") == before
