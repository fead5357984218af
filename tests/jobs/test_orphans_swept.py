"""Orphans go as other stale rows do: archived, planned, shared out, and held at any depth."""

from pathlib import Path
from typing import Any, LiteralString
from unittest import mock

import psycopg
import pytest

from maintcli.engines.archive.archive import Archive
from maintcli.engines.foreign_keys import recheck
from tests.jobs.test_cleanup_orphans import JOB, NEW_PARENT, ORPHANS, fill
from tests.parts.beside import count, uncommitted
from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[Any, ...]]
FILES: LiteralString = "SELECT stored_files::text FROM stored_files ORDER BY 1"


def previews(conn: Conn) -> None:
    """A preview of each file, which goes with it, and an index that finds it."""
    conn.execute(
        "CREATE TABLE previews (id int PRIMARY KEY,"
        " object_key text REFERENCES stored_files ON DELETE CASCADE)"
    )
    conn.execute("CREATE INDEX ON previews (object_key)")
    conn.execute(
        "INSERT INTO previews SELECT row_number() OVER (ORDER BY object_key), object_key"
        " FROM stored_files"
    )


# -- kept in an archive


def test_what_is_archived_comes_back(inside: Inside, conn: Conn, tmp_path: Path) -> None:
    """Orphans and what went with them; the parents are still gone, and that is no matter."""
    fill(conn)
    previews(conn)
    before = conn.execute(FILES).fetchall()
    found = inside(JOB, "--archive", str(tmp_path / "kept"), "--json")
    assert (found.code, found.json["deleted_count"]) == (0, 20), found.err
    assert found.json["tables"] == {"public.stored_files": 20, "public.previews": 20}
    back = inside("restore", found.json["run_id"], "--json")
    assert (back.code, back.json["restored_count"]) == (0, 40), back.err
    assert conn.execute(FILES).fetchall() == before
    assert count(conn, "previews") == 30


def test_a_parent_that_comes_while_rows_are_stored_saves_its_child(
    inside: Inside, conn: Conn, tmp_path: Path
) -> None:
    """The parent's table is free until the rows are durable; nothing is archived that stays."""
    fill(conn)
    real, came = Archive.keep, False

    def keep(self: Archive, *arguments: Any) -> Any:
        nonlocal came
        kept = real(self, *arguments)
        if not came:
            came = True
            conn.execute(NEW_PARENT)  # would wait for ever under the lock
        return kept

    with mock.patch.object(Archive, "keep", keep):
        found = inside(JOB, "--archive", str(tmp_path / "kept"), "--json")
    assert (found.code, found.json["deleted_count"]) == (0, 19), found.err
    assert count(conn, "stored_files", "owner = 1000") == 1
    rows = conn.execute("SELECT sum((rows->>'public.stored_files')::int) FROM job_archives")
    assert rows.fetchone() == (19,)


def test_an_uncommitted_parent_saves_its_child_from_the_archive_too(
    inside: Inside, conn: Conn, db: str, tmp_path: Path
) -> None:
    """The second message waits for the parent's table, and then finds the child in order."""
    fill(conn)
    with uncommitted(conn, db, NEW_PARENT):
        found = inside(JOB, "--archive", str(tmp_path / "kept"), "--json")
    assert (found.code, found.json["deleted_count"]) == (0, 19), found.err
    assert count(conn, "stored_files", "owner = 1000") == 1


# -- planned


def test_a_plan_is_applied_while_it_holds(inside: Inside, conn: Conn) -> None:
    """Past the guards; refused once the rows have drifted, or the pair is another."""
    fill(conn, 2_000)
    assert inside(JOB).code == 65
    plan = ("--dry-run", "--plan", "plan.json", "--json")
    dry = inside(JOB, *plan)
    assert (dry.code, dry.json["deleted_count"]) == (0, 2_000), dry.err
    other = inside(JOB, "--apply", "plan.json", "--pairs", "chat_sessions.user_id -> users.id")
    assert other.code == 65
    assert "plan of --apply no longer holds" in other.err
    conn.execute("DELETE FROM stored_files WHERE owner BETWEEN 1000 AND 1499")
    drifted = inside(JOB, "--apply", "plan.json")
    assert drifted.code == 65
    assert "counted 2,000 rows of public.stored_files, and now 1,500" in drifted.err
    inside(JOB, *plan)
    found = inside(JOB, "--apply", "plan.json", "--json")
    assert (found.code, found.json["deleted_count"]) == (0, 1_500), found.err


# -- shared out


def test_parts_share_the_orphans_out(inside: Inside, conn: Conn) -> None:
    """Each counts and deletes its own stripes; guards see the whole in every part."""
    conn.execute("INSERT INTO users (id, email) OVERRIDING SYSTEM VALUE VALUES (1, 'a')")
    conn.execute("CREATE TABLE notes (author bigint, made timestamptz, pad text)")
    conn.execute("ALTER TABLE notes SET (fillfactor = 10)")
    conn.execute(
        "INSERT INTO notes SELECT CASE WHEN i % 5 < 2 THEN 1000 + i ELSE 1 END,"
        " now() - interval '2 d', repeat('x', 64) FROM generate_series(1, 30000) i"
    )
    assert count(conn, "generate_series(1, pg_relation_size('notes') / 8192)") > 3 * 1_024
    pair = (JOB, "--pairs", "notes.author -> users.id by made", "--json", "--share", "100")
    for part in ("0/2", "1/2"):
        assert inside(*pair, "--shard", part, "--max-percent", "39").code == 65
    dry = [inside(*pair, "-n", "--shard", f"{i}/2").json["deleted_count"] for i in range(2)]
    real = [inside(*pair, "--shard", f"{i}/2").json["deleted_count"] for i in range(2)]
    assert dry == real
    assert (sum(real), 0 in real) == (12_000, False)
    assert count(conn, "notes") == 18_000


# -- held


def test_a_holder_far_below_keeps_its_orphan(inside: Inside, conn: Conn) -> None:
    """At any depth: it is named, the rest goes, and no error of PostgreSQL ends the run."""
    fill(conn)
    previews(conn)
    conn.execute("CREATE TABLE pins (preview int REFERENCES previews)")
    conn.execute("INSERT INTO pins SELECT id FROM previews WHERE object_key = 'gone 1'")
    dry = inside(JOB, "-n", "--json")
    assert (dry.json["deleted_count"], dry.json["blocked_count"]) == (19, 1), dry.err
    for deleted in (19, 0):
        found = inside(JOB, "--json")
        assert (found.code, found.json["outcome"]) == (3, "partial"), found.err
        assert (found.json["deleted_count"], found.json["blocked_count"]) == (deleted, 1)
        assert "1 row of public.stored_files cannot be deleted" in found.json["message"]
        assert "public.pins (pins_preview_fkey)" in found.json["message"]
    assert count(conn, "previews", "object_key = 'gone 1'") == 1


def test_what_one_pair_frees_goes_by_another(inside: Inside, conn: Conn) -> None:
    """The holder is an orphan itself: one run removes both, whatever their order."""
    fill(conn, 3)
    conn.execute(
        "CREATE TABLE pins (object_key text REFERENCES stored_files, by_user bigint,"
        " created_at timestamptz DEFAULT now() - interval '9 d')"
    )
    conn.execute("INSERT INTO pins VALUES ('gone 1', 5555), ('kept 1', 1)")
    pairs = "stored_files.owner -> users.id,pins.by_user -> users.id"
    found = inside(JOB, "--pairs", pairs, "--json")
    assert (found.code, found.json["deleted_count"]) == (0, 4), found.err
    assert found.json["tables"] == {"public.stored_files": 3, "public.pins": 1}


def test_an_orphan_that_takes_too_long_is_left(inside: Inside, conn: Conn) -> None:
    """It alone, and exit 3: what would keep the parent's table locked for long must not go on."""
    fill(conn)
    conn.execute(
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF old.owner = 1003 THEN PERFORM pg_sleep(600); END IF; RETURN old; END $$"
    )
    conn.execute(
        "CREATE TRIGGER slow BEFORE DELETE ON stored_files FOR EACH ROW EXECUTE FUNCTION dawdle()"
    )
    found = inside(JOB, "--json")
    assert (found.code, found.json["outcome"]) == (3, "partial"), found.err
    assert (found.json["deleted_count"], found.json["blocked_count"]) == (19, 1)
    assert "each takes too long with all that goes with it" in found.json["message"]
    assert conn.execute(f"SELECT owner FROM stored_files WHERE {ORPHANS}").fetchall() == [(1003,)]


def test_a_cascade_into_the_parent_s_table(inside: Inside, conn: Conn) -> None:
    """A user's picture that is an orphan: its user loses the reference, and stays."""
    fill(conn)
    conn.execute("ALTER TABLE users ADD picture text REFERENCES stored_files ON DELETE SET NULL")
    conn.execute("UPDATE users SET picture = 'gone 1' WHERE id = 1")
    found = inside(JOB, "--json")
    assert (found.code, found.json["deleted_count"], found.json["unlinked_count"]) == (0, 20, 1), (
        found.err
    )
    assert count(conn, "users", "picture IS NULL") == 10


# -- long tables


def test_more_candidates_than_are_kept(
    inside: Inside, conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are taken in turns; a locked one in each of many batches is counted once."""
    monkeypatch.setattr(recheck, "MOST_FOUND", 50)
    fill(conn, 2_000)
    locked: LiteralString = "SELECT FROM stored_files WHERE owner IN (1000, 2000) FOR UPDATE"
    with psycopg.connect(conn.info.dsn) as other:
        other.execute(locked)
        found = inside(JOB, "--json", "--max-percent", "100", "--share", "100")
        assert (found.code, found.json["locked_count"]) == (0, 2), found.err
    assert found.json["deleted_count"] == 1_998
    assert inside(JOB, "--json").json["deleted_count"] == 2
