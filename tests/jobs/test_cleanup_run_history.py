"""maint cleanup-run-history"""

from typing import LiteralString

import psycopg
import pytest

from maintcli.db import example, toolkit
from tests.jobs.every import HISTORY, Conn, fill, one
from tests.parts.inside import Inside
from tests.parts.ledger import run_was

JOB = "cleanup-run-history"
RUN = (JOB, "--max-percent", "100", "--json")


def kept(conn: Conn) -> list[str]:
    """The runs that are left, of all jobs but the one under test."""
    rows = conn.execute("SELECT run_id::text FROM job_runs WHERE job <> %s", [JOB])
    return sorted(run_id for (run_id,) in rows)


def test_the_newest_run_and_the_newest_success_of_each_job_stay(inside: Inside, conn: Conn) -> None:
    """However old: without them nobody knew how a job that is seldom run has ended."""
    run_was(conn, "success", job="a", ago="500 d")
    success = run_was(conn, "success", job="a", ago="400 d")
    run_was(conn, "failed", job="a", ago="300 d")
    newest = run_was(conn, "failed", job="a", ago="200 d")
    only = run_was(conn, "lost", job="b", ago="300 d")
    run_was(conn, "success", job="c", ago="91 d")
    young = [run_was(conn, outcome, job="c", ago="89 d") for outcome in ("success", "failed")]
    dry = inside(*RUN, "--dry-run").json
    assert dry["deleted_count"] == 3
    assert inside(*RUN).json["deleted_count"] == 3
    assert kept(conn) == sorted([success, newest, only, *young])
    assert inside(*RUN).json["deleted_count"] == 0


def test_a_running_run_stays(inside: Inside, conn: Conn) -> None:
    """It has not ended, whatever its age; the next run of its job calls it lost."""
    running = run_was(conn, "running", job="a", ago="400 d")
    newer = run_was(conn, "success", job="a", ago="300 d")
    run_was(conn, "skipped", job="a", ago="310 d")
    assert inside(*RUN).json["deleted_count"] == 1
    assert kept(conn) == sorted([running, newer])


def test_a_run_with_an_archive_stays_longer(inside: Inside, conn: Conn) -> None:
    """Without its row, and those of its files, nothing could be restored."""
    for ago in ("400 d", "100 d", "50 d", "1 d"):
        run_id = run_was(conn, "success", job="a", ago=ago)
        conn.execute(
            'UPDATE job_runs SET parameters = \'{"archive": "/tmp/a"}\', deleted_count = 7'
            " WHERE run_id = %s",
            [run_id],
        )
        conn.execute(
            "INSERT INTO job_archives VALUES (%s, 1, '/tmp/a', 'f', 's', 1, '{}')", [run_id]
        )
    empty = run_was(conn, "success", job="a", ago="101 d")
    conn.execute(
        'UPDATE job_runs SET parameters = \'{"archive": "/tmp/a"}\' WHERE run_id = %s', [empty]
    )
    assert inside(*RUN).code == 0
    assert one(conn, "SELECT count(*) FROM job_archives") == 3
    assert empty not in kept(conn)
    assert inside(*RUN, "--archived-runs", "60d").code == 0
    assert one(conn, "SELECT count(*) FROM job_archives") == 2
    assert len(kept(conn)) == 2


def test_a_run_that_was_killed_before_its_own_rows_went_keeps_its_archive(
    inside: Inside, conn: Conn
) -> None:
    """Rows below go first, and are in its files, while the ledger has not counted a row."""
    killed = run_was(conn, "lost", job="a", ago="100 d")
    run_was(conn, "success", job="a", ago="99 d")
    run_was(conn, "success", job="a", ago="1 d")
    conn.execute("INSERT INTO job_archives VALUES (%s, 1, '/tmp/a', 'f', 's', 1, '{}')", [killed])
    assert inside(*RUN).json["deleted_count"] == 1
    assert killed in kept(conn)
    assert one(conn, "SELECT count(*) FROM job_archives") == 1
    assert inside(*RUN, "--archived-runs", "91d").json["deleted_count"] == 1
    assert one(conn, "SELECT count(*) FROM job_archives") == 0


def test_dead_letters_and_unfinished_items_never_go(inside: Inside, conn: Conn) -> None:
    """Of the example, with everything years old, only what is done and dealt with."""
    example.fill(conn)
    conn.execute(
        "UPDATE jobs SET created_at = '2001-01-01Z',"
        " finished_at = CASE WHEN finished_at IS NOT NULL THEN timestamptz '2001-01-01Z' END;"
        "UPDATE outbox SET created_at = '2001-01-01Z',"
        " delivered_at = CASE WHEN status = 'delivered' THEN timestamptz '2001-01-01Z' END;"
        "UPDATE inbound_emails SET received_at = '2001-01-01Z', seen_at = '2001-01-01Z';"
        "UPDATE email_given_up SET given_up_at = '2001-01-01Z'"
    )
    assert inside(*RUN).code == 0
    assert _values(conn, "SELECT DISTINCT status FROM jobs") == {"failed", "pending", "running"}
    assert _values(conn, "SELECT DISTINCT status FROM outbox") == {"dead", "pending"}
    assert _values(conn, "SELECT DISTINCT status FROM inbound_emails") == {
        "quarantined",
        "unparsed",
    }
    assert _values(conn, "SELECT DISTINCT notified_at FROM email_given_up") == {None}


def _values(conn: Conn, query: LiteralString) -> set[str | None]:
    return {value for (value,) in conn.execute(query)}


AGES = [
    ("--runs", "job_runs WHERE job = 'old'"),
    ("--fires", "cron_fires"),
    ("--outbox", "outbox"),
    ("--jobs", "jobs"),
    ("--inbox", "inbound_emails"),
    ("--given-up", "email_given_up"),
]


@pytest.mark.parametrize(("option", "table"), AGES)
def test_each_has_an_age_of_its_own(
    inside: Inside, conn: Conn, option: str, table: LiteralString
) -> None:
    """A longer one for one table keeps that table, and no other."""
    fill(conn, HISTORY, stale=3, fresh=0)
    before = one(conn, f"SELECT count(*) FROM {table}")
    found = inside(*RUN, option, "92d").json
    assert found["deleted_count"] == 15
    assert one(conn, f"SELECT count(*) FROM {table}") == before
    assert inside(JOB, option, "23h").code == 65


def test_without_the_tables_of_queues(inside: Inside, conn: Conn) -> None:
    """Who has none of them has a ledger all the same."""
    conn.execute("DROP TABLE cron_fires, outbox, jobs, inbound_emails, email_given_up")
    run_was(conn, "success", job="a", ago="100 d")
    run_was(conn, "success", job="a", ago="99 d")
    assert inside(*RUN).json["tables"] == {"public.job_runs": 1}


def test_the_toolkit_s_tables_in_a_schema_of_their_own(inside: Inside, conn: Conn) -> None:
    """[database] schema is where they are looked for, with and without a ledger, and dry."""
    toolkit.migrate(conn, "ops")  # type: ignore[arg-type]
    conn.execute("SET search_path = ops")
    for ago in ("100 d", "99 d", "98 d"):
        run_was(conn, "success", job="a", ago=ago)
    conn.execute("SET search_path = public")
    old = run_was(conn, "success", job="a", ago="100 d")
    run_was(conn, "success", job="a", ago="99 d")
    (inside.folder / "maint.toml").write_text('[database]\nschema = "ops"\n')
    dry = inside(*RUN, "--dry-run")
    assert dry.json["tables"]["ops.job_runs"] == 2, dry.err
    limited = inside(*RUN, "--no-ledger", "--limit", "1").json
    assert limited["deleted_count"] == 1
    assert inside(*RUN).json["deleted_count"] == 1
    assert old in kept(conn)


def test_a_table_that_only_has_the_name_is_not_touched(inside: Inside, conn: Conn) -> None:
    """An application may have a job_runs of its own: refused, also where nobody looked before."""
    conn.execute("DROP TABLE maint_migrations, job_heartbeats, job_slots, job_archives, job_runs")
    conn.execute("CREATE TABLE job_runs AS SELECT 1 AS id, timestamptz '2001-01-01Z' AS started_at")
    for how in ("--dry-run", "--no-ledger"):
        result = inside(JOB, how)
        assert result.code == 78
        assert "job_runs" in result.err
    assert one(conn, "SELECT count(*) FROM job_runs") == 1


def test_before_the_first_migration_a_dry_run_shows_the_rest(
    inside: Inside, conn: Conn, db: str
) -> None:
    """Neither --dry-run nor --no-ledger needs the toolkit's tables."""
    fill(conn, HISTORY, stale=2, fresh=0)
    conn.execute(
        "DROP TABLE maint_migrations, job_heartbeats, job_slots, job_archives, job_runs,"
        " job_erasures"
    )
    assert inside(*RUN, "--dry-run").json["deleted_count"] == 10
    assert inside(*RUN, "--no-ledger").json["deleted_count"] == 10
    with psycopg.connect(db) as other:
        assert other.execute("SELECT count(*) FROM jobs").fetchone() == (0,)
