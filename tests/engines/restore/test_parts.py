"""maint restore of runs that shared a table: all of them, in the order of their batches."""

from pathlib import Path

import pytest

from tests.engines.restore.test_restore import contents
from tests.parts.archives import Conn, archiving
from tests.parts.family import Family, child
from tests.parts.inside import Inside
from tests.parts.ledger import run_was

PARENTS = """
CREATE TABLE parent (id integer PRIMARY KEY);
CREATE TABLE child (id integer PRIMARY KEY, parent_id integer REFERENCES parent);
INSERT INTO parent VALUES (1), (2), (3);
INSERT INTO child VALUES (10, 1), (20, 2), (30, 3);
"""


def join(conn: Conn, *run_ids: str, parts: int, group: str = "one") -> None:
    """Make parts of a whole of those runs."""
    for part, run_id in enumerate(run_ids):
        conn.execute(
            "UPDATE job_runs SET run_group = %s, part = %s, parts = %s WHERE run_id = %s",
            [group, part, parts, run_id],
        )


@pytest.mark.parametrize("shown", [True, False], ids=["the shown id", "the last part's"])
def test_every_part_comes_back_and_only_once(
    inside: Inside, conn: Conn, tmp_path: Path, *, shown: bool
) -> None:
    """Three parts, one after the other; rows below of two parts, and rows without a key."""
    family = Family(conn, inside)
    family.make(
        "ALTER TABLE roots ADD COLUMN pad text NOT NULL DEFAULT repeat('x', 64)",
        "ALTER TABLE roots SET (fillfactor = 10)",
        child("a"),
        "ALTER TABLE a ADD COLUMN other int REFERENCES roots ON DELETE CASCADE",
        "CREATE INDEX ON a (other)",
        "CREATE TABLE log (up int REFERENCES roots ON DELETE CASCADE); CREATE INDEX ON log (up)",
    )
    family.roots(old=30_000, young=10)
    family.do(
        "INSERT INTO a SELECT i, i * 10, 30000 - i * 10 + 1 FROM generate_series(1, 3000) i",
        "INSERT INTO log SELECT i % 300 * 100 + 1 FROM generate_series(1, 900) i",
    )
    before = contents(conn, "roots", "a", "log")
    words = ("--archive", str(tmp_path / "kept"), "--share", "100", "--shard")
    ran = [family.sweep(*words, f"{part}/3").json for part in range(3)]
    assert min(one["deleted_count"] for one in ran) > 0
    assert (family.count("roots"), family.count("a"), family.count("log")) == (10, 0, 0)

    (whole,) = inside("history", "--json").json["runs"]
    assert whole["run_id"] == ran[0]["run_id"]
    run_id = ran[0]["run_id"] if shown else ran[2]["run_id"]
    dry = inside("restore", run_id, "--json", "--dry-run")
    found = inside("restore", run_id, "--json")
    assert found.code == 0, found.err
    assert "3 of 3 parts archived something: all of that goes back" in found.err
    assert found.json["parts"] == dry.json["parts"] == 3
    assert found.json["restored_count"] == dry.json["restored_count"] == 33_900
    assert found.json["files"] == family.count("job_archives")
    assert contents(conn, "roots", "a", "log") == before
    for again in (("--dry-run",), ()):
        report = inside("restore", run_id, "--json", *again).json
        assert (report["restored_count"], report["existing_count"]) == (0, 33_900)
    assert contents(conn, "roots", "a", "log") == before


def test_files_of_parts_at_once_go_back_newest_first_over_all(
    inside: Inside, conn: Conn, tmp_path: Path
) -> None:
    """Part after part would miss parents, whichever is first."""
    conn.execute(PARENTS)
    before = contents(conn, "parent", "child")
    first = archiving(conn, tmp_path / "first", "child", "parent")
    second = archiving(conn, tmp_path / "second", "child", "parent")
    join(conn, first.run_id, second.run_id, parts=2)
    first.batch(("child", "id = 10"))
    second.batch(("parent", "id = 1"), ("child", "id = 20"))
    first.batch(("parent", "id = 2"))
    found = inside("restore", first.run_id, "--json")
    assert (found.code, found.json["restored_count"]) == (0, 4), found.err
    assert contents(conn, "parent", "child") == before


def test_only_this_whole_goes_back(inside: Inside, conn: Conn, tmp_path: Path) -> None:
    """Neither another whole nor another job's of the same name; a part tried again is in it."""
    conn.execute(PARENTS)
    archives = [archiving(conn, tmp_path / "kept", "child") for _ in range(5)]
    again, one, other, later, single = archives
    for number, archive in enumerate((again, one, other, later)):
        archive.batch(("child", f"id = {10 * number}"))
    single.batch(("child", "id = 30"))
    conn.execute("INSERT INTO child VALUES (10, 1), (20, 2)")
    again.batch(("child", "id = 10"))
    one.batch(("child", "id = 20"))
    nothing = run_was(conn, "success")
    join(conn, one.run_id, nothing, parts=2)
    join(conn, again.run_id, parts=2)
    join(conn, other.run_id, parts=3)
    join(conn, later.run_id, parts=2, group="two")
    conn.execute("UPDATE job_runs SET job = 'x' WHERE run_id = %s", [single.run_id])
    join(conn, single.run_id, parts=2)
    for moved in ((), ("--from", f"{tmp_path}/kept/{one.run_id}")):
        conn.execute("DELETE FROM child")
        found = inside("restore", nothing, "--json", *moved)
        assert found.code == 0, found.err
        assert "1 of 2 parts archived something" in found.err
        assert conn.execute("SELECT id FROM child ORDER BY 1").fetchall() == [(10,), (20,)]


def test_no_part_may_go_on(inside: Inside, conn: Conn, tmp_path: Path) -> None:
    """Nothing is restored before the last has ended."""
    conn.execute(PARENTS)
    archive = archiving(conn, tmp_path / "kept", "child")
    archive.batch(("child", "true"))
    going = run_was(conn, "running")
    join(conn, archive.run_id, going, parts=2)
    conn.execute(
        "INSERT INTO job_heartbeats (name, lease_token, lease_run_id, lease_expires_at)"
        " VALUES ('cleanup-sessions 1/2', 1, %s, now() + interval '1 min')",
        [going],
    )
    found = inside("restore", archive.run_id)
    assert (found.code, f"Run {going} is still running" in found.err) == (75, True)
    conn.execute("UPDATE job_heartbeats SET lease_expires_at = now()")
    assert inside("restore", archive.run_id, "--json").json["restored_count"] == 3
