"""maint archives: what --archive has kept is listed, and removed by age."""

import json
from pathlib import Path

import pytest

from tests.engines.restore.test_restore import FAMILY
from tests.parts.archives import Archiving, Conn, archiving
from tests.parts.inside import Inside

OLD = ("--older-than", "90d", "--yes")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where archives are."""
    return tmp_path / "archive"


@pytest.fixture
def old(conn: Conn, place: Path) -> Archiving:
    """The archive of a run that ended 100 days ago, with one file."""
    conn.execute(FAMILY)
    return ended(conn, place, "id < 5", days=100)


def ended(conn: Conn, place: Path, condition: str, *, days: int) -> Archiving:
    """The archive of a run that ended so long ago."""
    archive = archiving(conn, place, "child")
    archive.batch(("child", condition))
    archive.end()
    conn.execute(
        "UPDATE job_runs SET started_at = now() - %s * interval '1 day',"
        " finished_at = now() - %s * interval '1 day' WHERE run_id = %s",
        [days, days, archive.run_id],
    )
    return archive


def ids(found: list[dict[str, object]]) -> list[object]:
    """The runs of archives."""
    return [one["run_id"] for one in found]


def test_archives_are_listed_with_their_sizes(inside: Inside, conn: Conn, old: Archiving) -> None:
    """The oldest first, as large as their files are; what a kill has left half written counts."""
    new = ended(conn, Path(old.location), "id < 10", days=1)
    folder = Path(old.location) / old.run_id
    (folder / ".a1b2c3d4.tmp").write_bytes(b"x" * 1_000)
    found = inside("archives", "list", "--json").json["archives"]
    assert ids(found) == [old.run_id, new.run_id]
    assert found[0]["size_bytes"] == sum(path.stat().st_size for path in folder.iterdir())
    assert (found[0]["location"], found[0]["in_ledger"]) == (old.location, True)
    assert old.run_id in inside("archives", "list").out


def test_old_archives_are_removed_and_no_others(
    inside: Inside, conn: Conn, old: Archiving, place: Path
) -> None:
    """The whole folder goes; a younger run's archive still goes back."""
    new = ended(conn, place, "id < 10", days=80)
    (place / "notes").mkdir()
    (place / "notes" / "00000001.sql.gz").touch()
    (place / old.run_id / ".a1b2c3d4.tmp").touch()
    found = inside("archives", "prune", *OLD, "--json")
    assert (found.code, ids(found.json["removed"])) == (0, [old.run_id]), found.err
    assert sorted(p.name for p in place.iterdir()) == sorted([new.run_id, "notes"])
    assert (place / "notes" / "00000001.sql.gz").exists()
    assert inside("restore", new.run_id, "--json").json["restored_count"] == 5
    assert inside("restore", old.run_id).code == 78


def test_nothing_goes_without_an_answer(inside: Inside, old: Archiving, place: Path) -> None:
    """Without a terminal --yes is needed; a dry run shows what would go."""
    asked = inside("archives", "prune", "--older-than", "90d")
    assert (asked.code, "Remove 1 archive of" in asked.err, "--yes" in asked.err) == (2, True, True)
    dry = inside("archives", "prune", *OLD, "--dry-run", "--json").json
    assert (dry["dry_run"], ids(dry["removed"])) == (True, [old.run_id])
    assert len(list((place / old.run_id).iterdir())) == 2


def test_files_of_others_stay(inside: Inside, old: Archiving, place: Path, tmp_path: Path) -> None:
    """In a run's folder, too; a link is not followed, and stands for no archive."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "00000001.sql.gz").touch()
    (place / "01990000-0000-7000-8000-000000000000").symlink_to(elsewhere)
    folder = place / old.run_id
    (folder / "notes.txt").touch()
    (folder / "00000009.sql.gz").symlink_to(elsewhere / "00000001.sql.gz")
    found = inside("archives", "prune", *OLD, "--json")
    assert found.code == 3
    assert found.json["removed"] == []
    assert ids(found.json["left"]) == [old.run_id]
    assert sorted(p.name for p in folder.iterdir()) == ["00000009.sql.gz", "notes.txt"]
    assert (elsewhere / "00000001.sql.gz").exists()


def test_the_archive_of_a_run_that_goes_on_stays(
    inside: Inside, conn: Conn, old: Archiving, place: Path
) -> None:
    """However long it takes; and those of the other parts of its whole."""
    part = ended(conn, place, "id < 10", days=100)
    conn.execute("UPDATE job_runs SET run_group = 'g', part = 0, parts = 2, job = 'x'")
    conn.execute(
        "UPDATE job_runs SET part = 1, outcome = 'running', finished_at = NULL WHERE run_id = %s",
        [part.run_id],
    )
    conn.execute(
        "INSERT INTO job_heartbeats (name, lease_token, lease_run_id, lease_expires_at)"
        " VALUES ('x', 1, %s, now() + interval '1 min')",
        [part.run_id],
    )
    found = inside("archives", "prune", *OLD, "--json").json
    assert (found["removed"], sorted(ids(found["kept"]))) == ([], sorted([old.run_id, part.run_id]))
    conn.execute("UPDATE job_heartbeats SET lease_expires_at = now()")  # it was killed
    found = inside("archives", "prune", *OLD, "--json").json
    assert sorted(ids(found["removed"])) == sorted([old.run_id, part.run_id])
    assert list(place.iterdir()) == []


def test_nothing_is_removed_while_a_restore_goes_on(
    inside: Inside, conn: Conn, old: Archiving, place: Path
) -> None:
    """It reads the files one after the other."""
    restore = ended(conn, place, "false", days=0)
    conn.execute(
        "UPDATE job_runs SET job = 'restore', outcome = 'running' WHERE run_id = %s",
        [restore.run_id],
    )
    conn.execute(
        "INSERT INTO job_heartbeats (name, lease_token, lease_run_id, lease_expires_at)"
        " VALUES ('restore', 1, %s, now() + interval '1 min')",
        [restore.run_id],
    )
    assert inside("archives", "prune", *OLD).code == 75
    assert (place / old.run_id).exists()


def test_archives_that_the_ledger_does_not_know_have_to_be_named(
    inside: Inside, conn: Conn, old: Archiving, place: Path
) -> None:
    """They may be another database's. One whose manifest names no end may be of a run that goes on."""
    new = ended(conn, place, "id < 10", days=1)
    killed = ended(conn, place, "id < 15", days=100)
    killed.end(files=None)
    conn.execute("DELETE FROM job_runs WHERE run_id <> %s", [new.run_id])
    for one in (old, killed):
        path = place / one.run_id / "manifest.json"
        content = json.loads(path.read_text())
        path.write_text(json.dumps(content | {"started_at": "2020-01-01T00:00:00Z"}))
    assert inside("archives", "prune", *OLD, "--json").json["removed"] == []
    listed = inside("archives", "list", "--json")
    assert ids(listed.json["archives"]) == [new.run_id]
    assert f"to see all: maint archives list {place}" in listed.err
    found = inside("archives", "prune", str(place), *OLD, "--json").json
    assert (ids(found["removed"]), ids(found["kept"])) == ([old.run_id], [killed.run_id])
    assert sorted(p.name for p in place.iterdir()) == sorted([new.run_id, killed.run_id])


def test_wrong_input_is_one_sentence(inside: Inside, tmp_path: Path) -> None:
    """An age that is none, and a place that is not there."""
    assert inside("archives", "prune", "--older-than", "x", "--yes").code == 2
    assert inside("archives", "prune", "--older-than", "-1d", "--yes").code == 2
    assert inside("archives", "list", str(tmp_path / "nowhere")).code == 78
    assert "There is no archive" in inside("archives", "list").out
