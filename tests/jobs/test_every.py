"""What holds for every job that removes or changes stale rows."""

import threading

import psycopg
import pytest

from tests.jobs.every import EVERY, Conn, Every, fill, one
from tests.parts.inside import Inside
from tests.parts.waiting import until

every_job = pytest.mark.parametrize("every", EVERY, ids=str)


@pytest.fixture(autouse=True)
def configured(inside: Inside, every: Every) -> None:
    """The job's own lines of maint.toml."""
    (inside.folder / "maint.toml").write_text(every.toml)


@every_job
def test_a_run_does_what_its_dry_run_said(inside: Inside, conn: Conn, every: Every) -> None:
    """The same number, the fresh rows untouched, and the ledger says it too; then nothing is left."""
    expected = fill(conn, every, stale=7, fresh=5)
    dry = inside(*every.command, "--dry-run", "--json")
    assert (dry.code, dry.json[every.figure]) == (0, expected), dry.err
    assert one(conn, every.stale) == expected
    real = inside(*every.command, "--json")
    assert (real.code, real.json[every.figure]) == (0, expected), real.err
    assert (one(conn, every.stale), one(conn, every.fresh)) == (0, 5 * every.times)
    counted = conn.execute(
        f"SELECT sum({every.figure}) FROM job_runs WHERE job = %s",  # type: ignore[arg-type]
        [every.job],
    )
    assert counted.fetchone() == (expected,)
    again = inside(*every.command, "--json")
    assert (again.code, again.json[every.figure]) == (0, 0), again.err


@every_job
def test_empty_tables_are_fine(inside: Inside, conn: Conn, every: Every) -> None:
    """No rows, success."""
    fill(conn, every, stale=0, fresh=0)
    found = inside(*every.command, "--json")
    assert (found.code, found.json[every.figure]) == (0, 0), found.err


@every_job
def test_it_works_without_a_ledger(inside: Inside, conn: Conn, every: Every) -> None:
    """--no-ledger: the same rows, and no trace of the run."""
    expected = fill(conn, every, stale=3, fresh=2)
    runs = one(conn, "SELECT count(*) FROM job_runs WHERE job <> 'old'")
    found = inside(*every.command, "--no-ledger", "--json")
    assert (found.code, found.json[every.figure]) == (0, expected), found.err
    assert one(conn, every.stale) == 0
    assert one(conn, "SELECT count(*) FROM job_runs WHERE job <> 'old'") == runs


@every_job
@pytest.mark.usefixtures("patient")
def test_a_row_that_is_touched_meanwhile_stays(
    inside: Inside, conn: Conn, db: str, every: Every
) -> None:
    """What an application has changed and not yet committed is left, or waited for and looked at."""
    expected = fill(conn, every, stale=6, fresh=1)
    with psycopg.connect(db) as application:
        application.execute(every.save)
        holder = application.info.backend_pid
        over = threading.Event()

        def commit_once_waited_for() -> None:
            query = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
            until(
                lambda: over.is_set() or conn.execute(query, [holder]).fetchone() != (0,),
                "the job waits, or has left the row and ended",
            )
            application.commit()

        thread = threading.Thread(target=commit_once_waited_for)
        thread.start()
        found = inside(*every.command, "--json")
        over.set()
        thread.join()
    assert (found.code, found.json[every.figure]) == (0, expected - 1), found.err
    assert one(conn, every.saved)
