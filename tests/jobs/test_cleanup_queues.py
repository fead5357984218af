"""maint cleanup-queues"""

from typing import LiteralString

import pytest

from maintcli.db import example
from tests.jobs.every import QUEUES, Conn, fill, one
from tests.parts.inside import Inside

JOB = "cleanup-queues"
ALL = "jobs,outbox,inbound_emails,email_given_up,cron_fires,export_jobs"
TABLES: tuple[LiteralString, ...] = (
    "jobs",
    "outbox",
    "inbound_emails",
    "email_given_up",
    "cron_fires",
    "export_jobs",
)
RUN = (JOB, "--max-percent", "100", "--json")


def test_without_tables_nothing_runs(inside: Inside, conn: Conn) -> None:
    """It has no default: the sentence names the option and the key."""
    fill(conn, QUEUES, stale=3, fresh=0)
    result = inside(JOB)
    assert result.code == 78
    assert "Give --tables, or tables under [jobs.cleanup-queues] in maint.toml" in result.err
    assert one(conn, QUEUES.stale) == 18


@pytest.mark.parametrize("table", TABLES)
def test_only_the_named_queue_is_touched(inside: Inside, conn: Conn, table: LiteralString) -> None:
    """Its stale rows go; the other five keep theirs."""
    fill(conn, QUEUES, stale=3, fresh=2)
    assert inside(*RUN, "--tables", table).json["tables"] == {f"public.{table}": 3}
    assert one(conn, QUEUES.stale) == 15
    left = conn.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert left == (2,)


def test_another_table_is_refused(inside: Inside, conn: Conn) -> None:
    """One that is no queue has no finished rows."""
    fill(conn, QUEUES, stale=1, fresh=0)
    result = inside(JOB, "--tables", "jobs,users")
    assert result.code == 2
    assert "users" in result.err
    assert "email_given_up" in result.err
    assert one(conn, QUEUES.stale) == 6


def test_a_named_table_that_is_missing_is_an_error(inside: Inside, conn: Conn) -> None:
    """Nothing is deleted of the others either."""
    fill(conn, QUEUES, stale=1, fresh=0)
    conn.execute("DROP TABLE outbox")
    result = inside(JOB, "--tables", "jobs,outbox")
    assert result.code == 78
    assert "There is no table outbox" in result.err
    assert one(conn, "SELECT count(*) FROM jobs") == 1


def test_dead_letters_and_unfinished_rows_never_go(inside: Inside, conn: Conn) -> None:
    """Of the example, with everything years old, only what is done and dealt with."""
    example.fill(conn)
    conn.execute(
        "UPDATE jobs SET created_at = '2001-01-01Z',"
        " finished_at = CASE WHEN finished_at IS NOT NULL THEN timestamptz '2001-01-01Z' END;"
        "UPDATE outbox SET created_at = '2001-01-01Z',"
        " delivered_at = CASE WHEN status = 'delivered' THEN timestamptz '2001-01-01Z' END;"
        "UPDATE inbound_emails SET received_at = '2001-01-01Z', seen_at = '2001-01-01Z';"
        "UPDATE export_jobs SET created_at = '2001-01-01Z';"
        "UPDATE email_given_up SET given_up_at = '2001-01-01Z'"
    )
    assert inside(*RUN, "--tables", ALL).code == 0
    assert _values(conn, "SELECT DISTINCT status FROM jobs") == {"failed", "pending", "running"}
    assert _values(conn, "SELECT DISTINCT status FROM outbox") == {"dead", "pending"}
    assert _values(conn, "SELECT DISTINCT status FROM inbound_emails") == {
        "quarantined",
        "unparsed",
    }
    assert "completed" not in _values(conn, "SELECT DISTINCT status FROM export_jobs")
    assert "dead" in _values(conn, "SELECT DISTINCT status FROM export_jobs")
    assert _values(conn, "SELECT DISTINCT notified_at FROM email_given_up") == {None}


def _values(conn: Conn, query: LiteralString) -> set[str | None]:
    return {value for (value,) in conn.execute(query)}


def test_names_and_statuses_of_ones_own(inside: Inside, conn: Conn) -> None:
    """A queue with a number for a status, under other names."""
    conn.execute(
        "CREATE SCHEMA app; CREATE TABLE app.tasks (id int, state smallint, ended timestamptz);"
        "INSERT INTO app.tasks SELECT i, i % 4, now() - interval '91 d'"
        " FROM generate_series(1, 40) AS i"
    )
    (inside.folder / "maint.toml").write_text(
        '[jobs.cleanup-queues]\ntables = ["jobs"]\n'
        '[tables.jobs]\nname = "app.tasks"\nstatuses = { completed = 2 }\n'
        'columns = { status = "state", finished_at = "ended" }\n'
    )
    assert inside(*RUN).json["deleted_count"] == 10
    assert _values(conn, "SELECT DISTINCT state FROM app.tasks") == {0, 1, 3}


def test_a_status_that_the_column_does_not_allow(inside: Inside, conn: Conn) -> None:
    """Without a mapping it would find nothing for ever, and call that a success."""
    conn.execute(
        "CREATE TYPE state AS ENUM ('queued', 'done');"
        "CREATE TABLE tasks (status state, finished_at timestamptz);"
        "INSERT INTO tasks VALUES ('done', '2001-01-01Z'), ('queued', NULL)"
    )
    toml = '[tables.jobs]\nname = "tasks"\n'
    (inside.folder / "maint.toml").write_text(toml)
    for how in ("--dry-run", "--json"):
        result = inside(JOB, "--tables", "jobs", how)
        assert result.code == 78
        assert "public.tasks.status cannot be 'completed'" in result.err
        assert '[tables.jobs.statuses] completed = "…"' in result.err
    (inside.folder / "maint.toml").write_text(toml + 'statuses.completed = "done"\n')
    assert inside(*RUN, "--tables", "jobs").json["deleted_count"] == 1
    assert _values(conn, "SELECT status::text FROM tasks") == {"queued"}


@pytest.mark.parametrize("analyzed", [True, False])
def test_a_finished_status_of_another_name_is_warned_about(
    inside: Inside, conn: Conn, *, analyzed: bool
) -> None:
    """A text column allows all, so that a job that waits for `completed` would be green for ever."""
    conn.execute(
        "CREATE TABLE tasks (status text, finished_at timestamptz);"
        "INSERT INTO tasks SELECT CASE WHEN i % 10 > 0 THEN 'done' ELSE 'running' END,"
        " '2001-01-01Z' FROM generate_series(1, 100) AS i"
    )
    if analyzed:
        conn.execute("ANALYZE tasks")
    toml = '[tables.jobs]\nname = "tasks"\n'
    (inside.folder / "maint.toml").write_text(toml)
    for how in (["--dry-run"], []):
        (warning,) = inside(*RUN, "--tables", "jobs", *how).json["warnings"]
        assert warning == (
            "no row of public.tasks has the status completed; it has done, running."
            ' If one of them means the same, name it: [tables.jobs.statuses] completed = "…" in'
            " maint.toml"
        )
    conn.execute("INSERT INTO tasks VALUES ('completed', now())")
    assert inside(*RUN, "--tables", "jobs").json["warnings"] == []
    conn.execute("DELETE FROM tasks WHERE status = 'completed'")
    (inside.folder / "maint.toml").write_text(toml + 'statuses.completed = "done"\n')
    found = inside(*RUN, "--tables", "jobs").json
    assert (found["deleted_count"], found["warnings"]) == (90, [])
    assert _values(conn, "SELECT status FROM tasks") == {"running"}


def test_no_warning_where_no_status_is_strange(inside: Inside, conn: Conn) -> None:
    """An empty queue, and one of which nothing is finished yet."""
    assert inside(*RUN, "--tables", "jobs,outbox,export_jobs").json["warnings"] == []
    conn.execute("INSERT INTO jobs (type) VALUES ('t')")
    assert inside(*RUN, "--tables", "jobs").json["warnings"] == []
