"""docs/recipes/procrastinate.md, on the schema that procrastinate applies by itself."""

import psycopg
import pytest
from procrastinate import App, SyncPsycopgConnector

from tests.parts.inside import Inside
from tests.recipes.recipe import code, configured

Conn = psycopg.Connection[tuple[object, ...]]

# What a worker and `procrastinate defer` send.
DEFER = """
SELECT (procrastinate_defer_jobs_v1(ARRAY[ROW('q', %s, 0, NULL, NULL, '{}', NULL)]
        ::procrastinate_job_to_defer_v1[]))[1]
"""
PERIODIC = "SELECT procrastinate_defer_periodic_job_v2('q', NULL, NULL, %s, 0, '', 1, '{}')"
NEXT_PERIOD = PERIODIC.replace("1,", "2,")
FINISH = "SELECT procrastinate_finish_job_v1(%s, %s, false)"


@pytest.fixture
def queue(inside: Inside, conn: Conn, db: str) -> Inside:
    """Procrastinate's tables with the recipe's column; the recipe is in force."""
    with App(connector=SyncPsycopgConnector(conninfo=db)).open() as app:
        app.schema_manager.apply_schema()
    conn.execute(code("procrastinate", "sql"))  # type: ignore[arg-type]
    return configured(inside, "procrastinate")


def ran(conn: Conn, name: str, ended: str | None, made: str, query: str = DEFER) -> None:
    """A job that was made so long ago and ended so; None: it waits still."""
    row = conn.execute(query, [name]).fetchone()  # type: ignore[arg-type]
    assert row is not None
    if ended is not None:
        conn.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", [row[0]])
    if ended not in (None, "doing"):
        conn.execute(FINISH, [row[0], ended])
    conn.execute(
        "UPDATE procrastinate_jobs SET cleanup_created_at = now() - %s::interval WHERE id = %s",
        [made, row[0]],
    )


def names(conn: Conn) -> list[object]:
    """The tasks of the jobs that are left."""
    rows = conn.execute("SELECT task_name FROM procrastinate_jobs ORDER BY task_name")
    return [row[0] for row in rows]


def test_finished_jobs_go_with_their_events(queue: Inside, conn: Conn) -> None:
    """What waits, runs, failed or is young stays, and so do the events of those."""
    ran(conn, "done", "succeeded", "31 d")
    ran(conn, "aborted", "aborted", "31 d")
    ran(conn, "young", "succeeded", "29 d")
    ran(conn, "failed", "failed", "31 d")
    ran(conn, "waiting", None, "1 y")
    ran(conn, "running", "doing", "1 y")
    result = queue("finished-jobs", "--json")
    assert (result.code, result.json["deleted_count"]) == (0, 2), result.err
    assert names(conn) == ["failed", "running", "waiting", "young"]
    events = conn.execute(
        "SELECT count(*) FILTER (WHERE j.id IS NULL), count(*) FROM procrastinate_events e"
        " LEFT JOIN procrastinate_jobs j ON j.id = e.job_id"
    ).fetchone()
    assert events == (0, 3 + 3 + 1 + 2)


def test_failed_jobs_are_kept_longer(queue: Inside, conn: Conn) -> None:
    """Half a year."""
    ran(conn, "old", "failed", "7 mons")
    ran(conn, "young", "failed", "5 mons")
    ran(conn, "done", "succeeded", "7 mons")
    result = queue("failed-jobs", "--json")
    assert (result.code, result.json["deleted_count"]) == (0, 1), result.err
    assert names(conn) == ["done", "young"]


@pytest.mark.parametrize(
    ("sweep", "ended", "made"),
    [("finished-jobs", "succeeded", "31 d"), ("failed-jobs", "failed", "7 mons")],
)
def test_the_newest_job_of_a_periodic_task_stays(
    queue: Inside, conn: Conn, sweep: str, ended: str, made: str
) -> None:
    """Until the next period has one; so no period is run twice."""
    ran(conn, "nightly", ended, made, PERIODIC)
    result = queue(sweep, "--json")
    assert (result.code, result.json["deleted_count"]) == (0, 0), result.err
    assert conn.execute(PERIODIC, ["nightly"]).fetchone() == (None,)
    ran(conn, "nightly", None, "1 s", NEXT_PERIOD)
    result = queue(sweep, "--json")
    assert (result.code, result.json["deleted_count"]) == (0, 1), result.err
    assert conn.execute("SELECT status FROM procrastinate_jobs").fetchall() == [("todo",)]
    assert conn.execute(NEXT_PERIOD, ["nightly"]).fetchone() == (None,)


def test_the_column_does_not_disturb_procrastinate(queue: Inside, conn: Conn) -> None:
    """A worker fetches and finishes a job as before."""
    ran(conn, "task", None, "1 s")
    row = conn.execute("SELECT id FROM procrastinate_fetch_job_v2(NULL, NULL)").fetchone()
    assert row is not None
    conn.execute(FINISH, [row[0], "succeeded"])
    assert conn.execute("SELECT status FROM procrastinate_jobs").fetchall() == [("succeeded",)]
    assert queue("finished-jobs", "--json").json["deleted_count"] == 0
