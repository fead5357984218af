"""maint cleanup-abandoned-jobs"""

import psycopg
import pytest

from maintcli.db import example
from tests.jobs.every import ABANDONED, MARKED, Conn, fill, one
from tests.parts.inside import Inside

JOB = "cleanup-abandoned-jobs"
MARK = (JOB, "--action", "mark", "--json")


def test_files_go_with_the_jobs_of_the_example(inside: Inside, conn: Conn) -> None:
    """The hundred that nobody started, with their two files each."""
    example.fill(conn)
    files = one(conn, "SELECT count(*) FROM source_files")
    assert inside(JOB, "--json").json["deleted_count"] == 100
    assert one(conn, "SELECT count(*) FROM source_files") == files - 200
    assert one(conn, "SELECT count(*) FROM processing_jobs") == 400


def test_marking_deletes_nothing(inside: Inside, conn: Conn) -> None:
    """The same jobs, under --action mark, get a status; dry run and real run say how many."""
    example.fill(conn)
    dry = inside(*MARK, "--dry-run")
    assert (dry.json["updated_count"], one(conn, MARKED.stale)) == (100, 100)
    assert "would update 100 rows of public.processing_jobs" in dry.err
    real = inside(*MARK).json
    assert (real["updated_count"], real["locked_count"]) == (100, 0)
    marked = "SELECT count(*) FROM processing_jobs WHERE status = 'abandoned'"
    assert (one(conn, marked), one(conn, "SELECT count(*) FROM processing_jobs")) == (100, 500)
    assert one(conn, "SELECT updated_count FROM job_runs WHERE outcome = 'success'") == 100


def test_what_was_marked_can_be_deleted_later(inside: Inside, conn: Conn) -> None:
    """--action delete takes jobs that were marked before, too."""
    fill(conn, ABANDONED, stale=4, fresh=2)
    assert inside(*MARK).json["updated_count"] == 4
    assert inside(*MARK).json["updated_count"] == 0
    assert inside(JOB, "--json").json["deleted_count"] == 4


@pytest.mark.parametrize("action", ["mark", "delete"])
def test_started_failed_and_young_jobs_stay(inside: Inside, conn: Conn, action: str) -> None:
    """Whatever their age, jobs that were started, or failed, are not abandoned."""
    fill(conn, ABANDONED, stale=3, fresh=0)
    conn.execute("UPDATE processing_jobs SET status = 'running', started_at = now()")
    conn.execute(
        "INSERT INTO processing_jobs (user_id, status, created_at)"
        " SELECT (SELECT id FROM users), status, now() - age::interval"
        " FROM (VALUES ('failed', '1 year'), ('pending', '6 d 23 h 59 min')) AS v (status, age)"
    )
    before = conn.execute("SELECT id, status FROM processing_jobs ORDER BY id").fetchall()
    result = inside(JOB, "--action", action)
    assert result.code == 0, result.err
    assert conn.execute("SELECT id, status FROM processing_jobs ORDER BY id").fetchall() == before


def test_many_rows_are_marked_in_batches(inside: Inside, conn: Conn) -> None:
    """More than one round lists; each row once, and the ledger counts them exactly."""
    fill(conn, MARKED, stale=12_000, fresh=10)
    found = inside(*MARK, "--max-percent", "100", "--share", "100").json
    assert found["updated_count"] == 12_000
    assert found["batches"] >= 12
    ledger = "SELECT updated_count = 12000 AND batches >= 12 FROM job_runs"
    assert one(conn, ledger)
    assert one(conn, MARKED.stale) == 0


def test_marking_heeds_guards_and_budgets(inside: Inside, conn: Conn) -> None:
    """--max-rows refuses; --limit leaves the rest for the next run, and says so."""
    fill(conn, MARKED, stale=500, fresh=1)
    assert inside(*MARK, "--max-rows", "499").code == 65
    assert inside(*MARK, "--dry-run", "--max-rows", "499").code == 65
    assert one(conn, MARKED.stale) == 500
    found = inside(*MARK, "--limit", "130").json
    assert (found["outcome"], found["updated_count"], found["backlog"]) == ("success", 130, 370)
    assert one(conn, MARKED.stale) == 370


@pytest.mark.parametrize("flag", [("--archive", "kept"), ("--keep-detached",), ("--shard", "0/2")])
def test_what_is_for_deleting_alone_is_refused(
    inside: Inside, conn: Conn, flag: tuple[str, ...]
) -> None:
    """Passing over an option would let somebody rely on it."""
    fill(conn, MARKED, stale=5, fresh=1)
    result = inside(*MARK, *flag)
    assert result.code == 2
    assert f"{flag[0]} " in result.json["message"]
    assert one(conn, MARKED.stale) == 5


def test_a_refusal_speaks_of_no_deletion(inside: Inside, conn: Conn) -> None:
    """Nothing was to be deleted."""
    fill(conn, MARKED, stale=500, fresh=1)
    result = inside(*MARK, "--max-rows", "499")
    assert "Nothing was changed." in result.json["message"]
    assert "delete" not in result.json["message"]


def test_a_locked_row_is_left_and_counted(inside: Inside, conn: Conn, db: str) -> None:
    """Marking waits for nobody."""
    fill(conn, MARKED, stale=5, fresh=0)
    with psycopg.connect(db) as other:
        other.execute("SELECT FROM processing_jobs LIMIT 1 FOR UPDATE")
        result = inside(*MARK)
    assert result.code == 0
    assert (result.json["updated_count"], result.json["locked_count"]) == (4, 1)
    assert "1 stale row left: locked by other sessions" in result.err


def test_a_trigger_that_puts_rows_back_is_noticed(inside: Inside, conn: Conn) -> None:
    """Marking the same rows again and again until the deadline would help nobody."""
    fill(conn, MARKED, stale=5, fresh=0)
    conn.execute(
        "CREATE FUNCTION back() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN new.status := old.status; RETURN new; END $$;"
        "CREATE TRIGGER back BEFORE UPDATE ON processing_jobs"
        " FOR EACH ROW EXECUTE FUNCTION back()"
    )
    result = inside(*MARK)
    assert result.code == 1
    assert "5 rows of public.processing_jobs are as before after an UPDATE" in result.err


def test_a_status_of_an_enumerated_type(inside: Inside, conn: Conn) -> None:
    """Under other names, in a column that takes only its own labels; NULL is no age."""
    conn.execute(
        "CREATE TYPE state AS ENUM ('pending', 'abandoned');"
        "CREATE TABLE runs (state state, made timestamptz, begun timestamptz);"
        "INSERT INTO runs VALUES ('pending', now() - interval '8 d'), ('pending', NULL)"
    )
    (inside.folder / "maint.toml").write_text(
        '[tables.processing_jobs]\nname = "runs"\n'
        'columns = { status = "state", created_at = "made", started_at = "begun" }\n'
    )
    found = inside(*MARK).json
    assert (found["updated_count"], found["null_count"]) == (1, 1)
    assert inside(JOB, "--json").json["deleted_count"] == 1
    assert one(conn, "SELECT count(*) FROM runs WHERE made IS NULL AND state = 'pending'") == 1


def test_marking_needs_update_and_not_delete(inside: Inside, conn: Conn, db: str) -> None:
    """The least privilege is enough."""
    fill(conn, MARKED, stale=2, fresh=0)
    conn.execute(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'marker') THEN"
        " CREATE ROLE marker LOGIN; END IF; END $$"
    )
    conn.execute(
        "GRANT SELECT ON processing_jobs TO marker; GRANT UPDATE (status) ON processing_jobs TO marker"
    )
    marker = {"DATABASE_URL": db.replace("postgres@", "marker@")}
    found = inside(*MARK, "--no-ledger", env=marker)
    assert (found.code, found.json["updated_count"]) == (0, 2), found.err
