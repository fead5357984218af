"""maint reconcile-stragglers"""

from typing import Any

import psycopg
import pytest

from maintcli.db import example
from tests.jobs.every import STRAGGLERS, Conn, fill, one
from tests.parts.inside import Inside

JOB = "reconcile-stragglers"


def running(conn: Conn, **columns: Any) -> int:
    """A job that has been running for two hours, with other `columns` as given; its id."""
    names = ", ".join(["type", "status", "started_at", *columns])
    holes = ", ".join(["'t'", "'running'", "now() - interval '2 h'", *["%s"] * len(columns)])
    query = f"INSERT INTO jobs ({names}) VALUES ({holes}) RETURNING id"
    row = conn.execute(query, list(columns.values())).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return int(row[0])


def job(conn: Conn, number: int) -> dict[str, Any]:
    """All columns of a job."""
    row = conn.execute("SELECT to_jsonb(jobs) FROM jobs WHERE id = %s", [number]).fetchone()
    assert row is not None
    found: dict[str, Any] = row[0]
    return found


def test_the_example_s_dead_runners(inside: Inside, conn: Conn) -> None:
    """Jobs with an ended lease and jobs without one; those at work keep theirs."""
    example.fill(conn)
    third = one(
        conn,
        "SELECT count(*) FROM jobs WHERE status = 'running' AND retry_count = 2"
        " AND coalesce(locked_until < now(), true)",
    )
    dry = inside(JOB, "--dry-run", "--json").json
    real = inside(JOB, "--json").json
    figures = {"updated_count": 160, "requeued_count": 160 - third, "failed_count": third}
    for found in (dry, real):
        assert {name: found[name] for name in figures} == figures
    assert one(conn, "SELECT count(*) FROM jobs WHERE status = 'running'") == 80
    assert one(conn, "SELECT bool_and(locked_until > now()) FROM jobs WHERE status = 'running'")
    assert any(f"{third} jobs were given up" in line for line in real["warnings"])


def test_back_to_pending_with_the_reason(inside: Inside, conn: Conn) -> None:
    """It is due again after a pause, counts a death, and holds no lease."""
    number = running(conn, run_token="0" * 32, locked_until="2001-01-01Z", progress='{"page": 7}')
    assert inside(JOB, "--json").json["requeued_count"] == 1
    found = job(conn, number)
    assert (found["status"], found["retry_count"]) == ("pending", 1)
    assert found["error_message"] == "it ran for over 1h: its runner died"
    empty = ("locked_until", "run_token", "started_at", "finished_at")
    assert [found[name] for name in empty] == [None] * 4
    assert found["progress"] == {"page": 7}
    assert one(
        conn,
        "SELECT run_after BETWEEN r.started_at + '10 s' AND r.finished_at + '17 s'"
        " FROM jobs, job_runs AS r",
    )


def test_the_third_time_it_is_given_up(inside: Inside, conn: Conn) -> None:
    """Crashes count like other failures, so a job that kills its runner comes to an end."""
    number = running(conn, retry_count=2)
    assert inside(JOB, "--json").json["failed_count"] == 1
    found = job(conn, number)
    assert (found["status"], found["retry_count"]) == ("failed", 3)
    assert found["error_message"] == "its runner died 3 times"
    assert found["finished_at"] > found["started_at"]


def test_a_lease_that_has_not_ended_is_heeded(inside: Inside, conn: Conn) -> None:
    """However long ago it started, somebody is at work on it."""
    alive = running(conn, locked_until="2999-01-01Z")
    dead = running(conn, locked_until="2001-01-01Z")
    assert inside(JOB, "--json").json["updated_count"] == 1
    assert (job(conn, alive)["status"], job(conn, dead)["status"]) == ("running", "pending")


def test_it_may_run_for_as_long_as_one_says(inside: Inside, conn: Conn) -> None:
    """--running-for, with a floor."""
    number = running(conn)
    assert inside(JOB, "--running-for", "3h", "--json").json["updated_count"] == 0
    assert inside(JOB, "--running-for", "59s").code == 65
    assert inside(JOB, "--running-for", "90m", "--json").json["updated_count"] == 1
    assert job(conn, number)["status"] == "pending"


BARE = [
    ("started_at", "begun timestamptz", ', started_at = "begun"', "now() - interval '2 h'"),
    ("updated_at", "updated_at timestamptz", "", "now() - interval '2 h'"),
    ("created_at", "created_at timestamptz", "", "now() - interval '2 h'"),
    (
        "zone",
        "updated_at timestamp",
        "",
        "now() AT TIME ZONE 'Asia/Tokyo' - interval '2 h'",
    ),
    ("epoch", "created_at bigint", "", "extract(epoch FROM now())::bigint - 7200"),
]


@pytest.mark.parametrize(("kind", "column", "mapping", "old"), BARE, ids=[b[0] for b in BARE])
def test_a_table_without_lease_columns(
    inside: Inside, conn: Conn, kind: str, column: str, mapping: str, old: str
) -> None:
    """An application's own queue: some time column is enough, of any type that tells one."""
    name = column.partition(" ")[0]
    conn.execute("CREATE TYPE state AS ENUM ('pending', 'running', 'failed', 'completed')")
    conn.execute(
        f"CREATE TABLE tasks (id int, state state, tries int, said text, {column})"  # type: ignore[arg-type]
    )
    new = old.replace("2 h", "2 min").replace("7200", "120")
    conn.execute(
        f"INSERT INTO tasks (id, state, tries, {name}) VALUES (1, 'running', NULL, {old}),"  # type: ignore[arg-type]
        f" (2, 'running', 0, {new}), (3, 'completed', 0, {old}), (4, 'running', 0, NULL),"
        f" (5, 'running', 2, {old}), (6, 'pending', 0, NULL)"
    )
    extra = {"zone": 'timezone = "Asia/Tokyo"\n', "epoch": 'epoch = "s"\n'}.get(kind, "")
    columns = f'status = "state", retry_count = "tries", error_message = "said"{mapping}'
    (inside.folder / "maint.toml").write_text(
        f'[tables.jobs]\nname = "tasks"\n{extra}columns = {{ {columns} }}\n'
    )
    dry = inside(JOB, "--dry-run", "--json")
    assert (dry.code, dry.json["requeued_count"], dry.json["failed_count"]) == (0, 1, 1), dry.err
    real = inside(JOB, "--json")
    assert (real.json["updated_count"], real.json["null_count"]) == (2, 1), real.err
    assert conn.execute("SELECT id, state::text, tries FROM tasks ORDER BY id").fetchall() == [
        (1, "pending", 1),
        (2, "running", 0),
        (3, "completed", 0),
        (4, "running", 0),
        (5, "failed", 3),
        (6, "pending", 0),
    ]
    assert inside(JOB, "--json").json["updated_count"] == 0


def test_a_mapped_column_that_is_not_there(inside: Inside, conn: Conn) -> None:
    """Where the configuration names one, no other is taken in its place."""
    running(conn)
    (inside.folder / "maint.toml").write_text('[tables.jobs.columns]\nstarted_at = "begun"\n')
    result = inside(JOB)
    assert result.code == 78
    assert "public.jobs has no column begun" in result.err
    (inside.folder / "maint.toml").write_text('[tables.jobs.columns]\nlocked_until = "lease"\n')
    assert "public.jobs has no column lease" in inside(JOB).err


def test_a_job_that_somebody_is_settling_is_left(inside: Inside, conn: Conn, db: str) -> None:
    """Its row is locked: counted, reported, and not waited for."""
    fill(conn, STRAGGLERS, stale=4, fresh=0)
    with psycopg.connect(db) as other:
        other.execute("SELECT FROM jobs LIMIT 1 FOR UPDATE")
        found = inside(JOB, "--json").json
    assert (found["updated_count"], found["locked_count"], found["backlog"]) == (3, 1, 1)


def test_partitions_are_reaped_one_by_one(inside: Inside, conn: Conn) -> None:
    """A queue may be partitioned."""
    conn.execute(
        "CREATE TABLE queue (id int, status text, retry_count int, error_message text,"
        " started_at timestamptz) PARTITION BY HASH (id);"
        "CREATE TABLE q0 PARTITION OF queue FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
        "CREATE TABLE q1 PARTITION OF queue FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
        "INSERT INTO queue SELECT i, 'running', 0, NULL, now() - interval '2 h'"
        " FROM generate_series(1, 50) AS i"
    )
    (inside.folder / "maint.toml").write_text('[tables.jobs]\nname = "queue"\n')
    assert inside(JOB, "--json").json["requeued_count"] == 50


KINDS = {
    "an enumerated type": ("CREATE TYPE state AS ENUM ('queued', 'active', 'dead')", "state"),
    "a CHECK": ("SELECT", "text CHECK (status IN ('queued', 'active', 'dead'))"),
    "a domain": (
        "CREATE DOMAIN state AS text CHECK (VALUE IN ('queued', 'active', 'dead'))",
        "state",
    ),
    "a table of statuses": (
        """CREATE TABLE states (name text PRIMARY KEY);
        INSERT INTO states VALUES ('queued'), ('active'), ('dead')""",
        "text REFERENCES states",
    ),
}
MAPPED = 'statuses = { running = "active", pending = "queued", failed = "dead" }\n'


@pytest.mark.parametrize("kind", KINDS)
def test_statuses_of_ones_own(inside: Inside, conn: Conn, kind: str) -> None:
    """Refused until they are mapped, with nothing changed; then these are read and written."""
    made, column = KINDS[kind]
    conn.execute(made)  # type: ignore[arg-type]
    conn.execute(
        f"CREATE TABLE tasks (id int, status {column}, retry_count int, error_message text,"  # type: ignore[arg-type]
        " started_at timestamptz)"
    )
    conn.execute(
        "INSERT INTO tasks VALUES (1, 'active', 0, NULL, now() - interval '2 h'),"
        " (2, 'active', 2, NULL, now() - interval '2 h'), (3, 'active', 0, NULL, now()),"
        " (4, 'queued', 0, NULL, NULL)"
    )
    before = conn.execute("SELECT * FROM tasks ORDER BY id").fetchall()
    toml = '[tables.jobs]\nname = "tasks"\n'
    (inside.folder / "maint.toml").write_text(toml)
    for how in ("--dry-run", "--json"):
        result = inside(JOB, how)
        assert result.code == 78
        assert "public.tasks.status cannot be 'failed'" in result.err or "'running'" in result.err
        assert "[tables.jobs.statuses]" in result.err
    assert conn.execute("SELECT * FROM tasks ORDER BY id").fetchall() == before
    (inside.folder / "maint.toml").write_text(toml + MAPPED)
    dry = inside(JOB, "--dry-run", "--json")
    assert (dry.code, dry.json["requeued_count"], dry.json["failed_count"]) == (0, 1, 1), dry.err
    real = inside(JOB, "--json")
    assert (real.json["requeued_count"], real.json["failed_count"]) == (1, 1), real.err
    assert conn.execute("SELECT id, status::text FROM tasks ORDER BY id").fetchall() == [
        (1, "queued"),
        (2, "dead"),
        (3, "active"),
        (4, "queued"),
    ]


def test_one_status_that_is_missing_is_named(inside: Inside, conn: Conn) -> None:
    """The other two are allowed; the sentence names the one to map, and what the column allows."""
    conn.execute(
        "CREATE TABLE tasks (status varchar(9) CHECK (status IN ('running', 'queued', 'failed')),"
        " retry_count int, error_message text, started_at timestamptz)"
    )
    (inside.folder / "maint.toml").write_text('[tables.jobs]\nname = "tasks"\n')
    result = inside(JOB)
    assert result.code == 78
    assert "public.tasks.status cannot be 'pending' (constraint tasks_status_check" in result.err
    assert "queued" in result.err
    assert '[tables.jobs.statuses] pending = "…"' in result.err


def test_a_misspelt_status_in_the_configuration(inside: Inside) -> None:
    """It would have no effect, so it is refused."""
    (inside.folder / "maint.toml").write_text('[tables.jobs.statuses]\npendng = "queued"\n')
    result = inside(JOB)
    assert result.code == 78
    assert "[tables.jobs.statuses]: unknown key pendng; did you mean pending?" in result.err


@pytest.mark.parametrize(
    ("statuses", "dry", "real"),
    [(["done", "active"], 1, 1), (["completed", "cancelled"], 1, 0), (["completed"], 0, 0)],
)
def test_running_jobs_by_another_name_are_warned_about(
    inside: Inside, conn: Conn, statuses: list[str], dry: int, real: int
) -> None:
    """That none runs just now is no news at night, unless no status of the table is known."""
    conn.execute(
        "CREATE TABLE tasks (status text, retry_count int, error_message text,"
        " started_at timestamptz)"
    )
    conn.execute("INSERT INTO tasks SELECT unnest(%s::text[]), 0, NULL, '2001-01-01Z'", [statuses])
    (inside.folder / "maint.toml").write_text('[tables.jobs]\nname = "tasks"\n')
    assert len(inside(JOB, "--dry-run", "--json").json["warnings"]) == dry
    assert len(inside(JOB, "--json").json["warnings"]) == real
    assert {status for (status,) in conn.execute("SELECT status FROM tasks")} == {*statuses}
