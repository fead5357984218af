"""--archive: where it may point, what is written when, and what the ledger knows."""

import gzip
import json
import os
from pathlib import Path

import pytest

from maintcli import registry
from maintcli.engines.archive import manifest
from tests.engines.archive.archiver import TARGET
from tests.parts.archives import Conn
from tests.parts.azure import azure_server
from tests.parts.inside import Inside
from tests.parts.s3 import gs_server, s3_server

OLD = (
    "INSERT INTO analytics_events (event_type, occurred_at)"
    " SELECT 'u', now() - interval '60 days' FROM generate_series(1, 6)"
)


@pytest.fixture
def archive_events(monkeypatch: pytest.MonkeyPatch, conn: Conn) -> str:
    """The name of the job that archives, with six rows that it removes."""
    entry = registry.Entry(TARGET, "Archive old events.", "Sessions")
    monkeypatch.setitem(registry.JOBS, "archive-events", entry)
    conn.execute(OLD)
    return "archive-events"


def test_what_is_written(inside: Inside, conn: Conn, archive_events: str, tmp_path: Path) -> None:
    """A folder named by the run, a file for each batch, a manifest that lists them; all private."""
    place = tmp_path / "place"
    found = inside(archive_events, "--archive", str(place), "--json")
    assert found.code == 0, found.err
    report = found.json
    folder = place / report["run_id"]
    assert (report["archive"], report["archived_count"]) == (str(folder), 6)
    assert sorted(p.name for p in folder.iterdir()) == [
        "00000001.sql.gz",
        "00000002.sql.gz",
        "manifest.json",
    ]
    assert {p.stat().st_mode & 0o777 for p in folder.iterdir()} == {0o600}
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["complete"], manifest["rows"]) == (True, {"public.analytics_events": 6})
    assert report["archive_bytes"] == sum(one["size_bytes"] for one in manifest["files"])
    (shape,) = [one for one in manifest["tables"] if one["table"] == "analytics_events"]
    assert shape["primary_key"] == ["id"]
    rows = conn.execute(
        "SELECT number, location, file, sha256 FROM job_archives ORDER BY 1"
    ).fetchall()
    assert rows == [
        (one["number"], str(place), one["file"], one["sha256"]) for one in manifest["files"]
    ]
    text = gzip.decompress((place / rows[0][2]).read_bytes()).decode()
    assert 'COPY "public"."analytics_events" ("id") FROM stdin;\n' in text


def test_a_dry_run_writes_nothing_and_says_where(
    inside: Inside, archive_events: str, tmp_path: Path
) -> None:
    """Not even the folder."""
    found = inside(archive_events, "--archive", str(tmp_path / "place"), "--dry-run")
    assert found.code == 0
    assert f"would archive what is removed in {tmp_path}/place" in found.err
    assert not (tmp_path / "place").exists()


@pytest.mark.parametrize("more", [(), ("--dry-run",)], ids=["real", "dry"])
@pytest.mark.parametrize(
    ("place", "also", "code", "sentence"),
    [
        ("not/there/at/all", (), 78, "there is no folder"),
        ("file", (), 78, "file is a file; name a folder"),
        ("file/below", (), 78, "file is a file; name a folder"),
        ("ftp://x/y", (), 78, "ftp:// is not known"),
        ("place", ("--no-ledger",), 2, "--archive needs the ledger"),
        (" ", (), 2, "--archive is blank"),
    ],
)
def test_what_cannot_be_is_refused_before_the_first_row(  # noqa: PLR0917  what it is given
    inside: Inside,
    conn: Conn,
    archive_events: str,
    place: str,
    also: tuple[str, ...],
    more: tuple[str, ...],
    code: int,
    sentence: str,
) -> None:
    """One sentence, and every row stays."""
    (inside.folder / "file").touch()
    found = inside(archive_events, "--archive", place, *also, *more)
    assert (found.code, sentence in found.err) == (code, True), found.err
    assert conn.execute("SELECT count(*) FROM analytics_events").fetchone() == (6,)


def test_a_place_that_fails_in_mid_run_stops_the_run(
    inside: Inside, conn: Conn, archive_events: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """78; what was not made durable was not removed, and the first batch can be restored."""
    real, seen = os.fsync, []

    def full_after_a_while(descriptor: int) -> None:
        seen.append(descriptor)
        if len(seen) > 9:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full_after_a_while)
    found = inside(archive_events, "--archive", str(tmp_path / "place"), "--json")
    assert (found.code, "is full: No space left" in found.json["message"]) == (
        78,
        True,
    )
    kept = conn.execute(
        "SELECT coalesce(sum((rows->>'public.analytics_events')::int), 0) FROM job_archives"
    ).fetchone()
    left = conn.execute("SELECT count(*) FROM analytics_events").fetchone()
    assert kept[0] + left[0] == 6
    assert left[0] > 0


def test_the_setting_may_stand_in_the_file(
    inside: Inside, archive_events: str, tmp_path: Path
) -> None:
    """And in a variable; without it there is no archive."""
    (inside.folder / "maint.toml").write_text(
        f'[jobs.{archive_events}]\narchive = "{tmp_path}/a"\n'
    )
    assert inside(archive_events, "--json").json["archive"].startswith(f"{tmp_path}/a/")
    other = {"MAINT_ARCHIVE_EVENTS_ARCHIVE": f"{tmp_path}/b"}
    inside(archive_events, env=other)
    assert list((tmp_path / "b").iterdir())


def test_a_folder_in_the_file_lies_beside_it(
    inside: Inside, conn: Conn, archive_events: str, tmp_path: Path
) -> None:
    """Wherever the run is started, as cron does in $HOME; the ledger has the whole path."""
    config = tmp_path / "project" / "maint.toml"
    config.parent.mkdir()
    config.write_text(f'[jobs.{archive_events}]\narchive = "./archive"\n')
    report = inside(archive_events, "--json", "--config", str(config)).json
    assert report["archive"] == f"{config.parent}/archive/{report['run_id']}"
    assert not (inside.folder / "archive").exists()
    found = conn.execute("SELECT DISTINCT location FROM job_archives").fetchall()
    assert found == [(f"{config.parent}/archive",)]


def test_a_manifest_that_no_restore_would_read_leaves_the_files_to_the_ledger(
    inside: Inside, archive_events: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a run of very many batches: their list is left out, and the run is told."""
    monkeypatch.setattr(manifest, "_MOST_VALUES", 1)
    report = inside(archive_events, "--archive", str(tmp_path / "place"), "--json").json
    written = json.loads((tmp_path / "place" / report["run_id"] / "manifest.json").read_text())
    assert (report["outcome"], written["files"]) == ("success", None)
    assert report["warnings"] == ["the manifest has no list of files (the ledger has): too many"]


SERVERS = {"s3": s3_server, "gs": gs_server, "az": azure_server}


@pytest.mark.parametrize("vendor", SERVERS)
def test_from_a_sweep_into_a_bucket_and_back(inside: Inside, conn: Conn, vendor: str) -> None:
    """A bucket of each vendor, a real job: the session is gone, and is back."""
    conn.execute(
        "INSERT INTO active_sessions (access_key, session_id, last_heartbeat)"
        " VALUES ('a', E'b\\\\\\n', now() - interval '1 day 1 microsecond')"
    )
    before = conn.execute("SELECT s::text FROM active_sessions s").fetchall()
    with SERVERS[vendor]("kept") as variables:
        place = f"{vendor}://kept/x"
        swept = inside("cleanup-sessions", "--archive", place, "--json", env=variables)
        assert (swept.code, swept.json["archived_count"]) == (0, 1), swept.err
        assert conn.execute("SELECT s::text FROM active_sessions s").fetchall() == []
        back = inside("restore", swept.json["run_id"], "--json", env=variables)
        assert (back.code, back.json["restored_count"]) == (0, 1), back.err
    assert conn.execute("SELECT s::text FROM active_sessions s").fetchall() == before
