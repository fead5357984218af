"""maint cleanup-run-history"""

import pytest

from maintcli.db import toolkit
from tests.jobs.every import QUEUES, Conn, fill, one
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


def test_tables_of_the_application_are_never_touched(inside: Inside, conn: Conn) -> None:
    """Its jobs and outbox may be years old: not one of its rows is deleted."""
    fill(conn, QUEUES, stale=600, fresh=0)
    run_was(conn, "success", job="a", ago="100 d")
    run_was(conn, "success", job="a", ago="99 d")
    found = inside(*RUN).json
    assert found["tables"] == {"public.job_runs": 1}
    assert one(conn, QUEUES.stale) == 3_600


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


def test_before_the_first_migration_there_is_nothing_to_delete(inside: Inside, conn: Conn) -> None:
    """Neither --dry-run nor --no-ledger needs maint's tables."""
    conn.execute(
        "DROP TABLE maint_migrations, job_heartbeats, job_slots, job_archives, job_runs,"
        " job_erasures"
    )
    assert inside(*RUN, "--dry-run").json["deleted_count"] == 0
    assert inside(*RUN, "--no-ledger").json["deleted_count"] == 0


SWEEP = '[sweeps.mine]\ntable = "{}"\ncolumn = "started_at"\nkeep = "1d"\nfinal = true\n'


@pytest.mark.parametrize(
    ("command", "config"),
    [
        (("mine",), SWEEP),
        (("retention-cleanup",), SWEEP.replace("[sweeps.mine]", "[[retention]]")),
        (("cleanup-sessions",), '[tables.active_sessions]\nname = "{}"\n'),
        (
            ("cleanup-orphans",),
            '[jobs.cleanup-orphans]\npairs = ["{}.run_id -> users.id by started_at"]\n',
        ),
    ],
)
def test_no_rule_of_the_user_sweeps_the_toolkit_s_own_tables(
    inside: Inside, conn: Conn, command: tuple[str, ...], config: str
) -> None:
    """Any of them: the run history has a job of its own, which keeps what archives need."""
    run_was(conn, "success", job="a", ago="400 d")
    for table in toolkit.TABLES:
        (inside.folder / "maint.toml").write_text(config.format(table))
        for more in ((), ("--dry-run",)):
            refused = inside(*command, *more)
            assert refused.code == 78, refused.err
            assert f"public.{table}, which is a table of maint itself" in refused.err
            assert "maint cleanup-run-history" in refused.err
    assert one(conn, "SELECT count(*) FROM job_runs WHERE job = 'a'") == 1


def test_a_job_runs_of_the_user_is_swept(inside: Inside, conn: Conn) -> None:
    """Its name alone makes no table the toolkit's."""
    conn.execute("CREATE SCHEMA app")
    conn.execute("CREATE TABLE app.job_runs AS SELECT timestamptz '2001-01-01Z' AS started_at")
    (inside.folder / "maint.toml").write_text(SWEEP.format("app.job_runs"))
    assert inside("mine", "--max-percent", "100").code == 0
    assert one(conn, "SELECT count(*) FROM app.job_runs") == 0
