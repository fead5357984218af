"""What the ledger keeps and says: of a run's end, and how far a job has got."""

from collections.abc import Generator

import psycopg
import pytest
from psycopg import sql

from maintcli.errors import Code, Outcome
from maintcli.runtime import ledger
from maintcli.runtime.lease import Lease
from maintcli.runtime.report import Report
from maintcli.runtime.session import Session
from maintcli.runtime.stop import Deadline, Stop
from tests.parts.inside import Inside
from tests.parts.ledger import Conn, beat, lease, run_was

JOB = "cleanup-sessions"


@pytest.fixture
def session(db: str) -> Generator[Session]:
    """A session as a run has one."""
    connection = psycopg.connect(db, autocommit=True)
    yield Session(lambda: connection, Stop(), Deadline(60, "1m"))
    connection.close()


@pytest.fixture
def own(conn: Conn) -> Lease:
    """The lease of a run that goes on."""
    beat(conn)
    run_id = run_was(conn, "running", ago="1 s")
    lease(conn, run_id, left="60 s")
    return Lease("public", JOB, run_id, 0)


def _end(session: Session, own: Lease, outcome: Outcome, conn: Conn) -> ledger.Ended | None:
    ((started_at,),) = conn.execute("SELECT now()").fetchall()
    report = Report(job=JOB, run_id=own.run_id, dry_run=False, started_at=started_at)
    report.outcome, report.exit_code = outcome, Code.FAILED if outcome.is_failure else Code.OK
    return ledger.end(session, own, report)


@pytest.mark.parametrize("before", ["success", "failed", "lost", "timeout"])
def test_the_end_says_how_the_run_before_ended(
    session: Session, conn: Conn, own: Lease, before: str
) -> None:
    """The newest of this job that came to an end of its own: a change from good to bad shows."""
    run_was(conn, "refused", ago="3 h")
    run_was(conn, before, ago="2 h")
    run_was(conn, "interrupted", ago="1 h")
    run_was(conn, "partial", job="another", ago="1 min")
    conn.execute("UPDATE job_heartbeats SET consecutive_failures = 3")
    ended = _end(session, own, Outcome.FAILED, conn)
    assert ended == ledger.Ended(4, before)
    assert _end(session, own, Outcome.FAILED, conn) == ended  # said again after a lost COMMIT


def test_a_success_ends_the_failures(session: Session, conn: Conn, own: Lease) -> None:
    """With what was before it still known; a first run has nothing before it."""
    conn.execute("UPDATE job_heartbeats SET consecutive_failures = 3")
    assert _end(session, own, Outcome.SUCCESS, conn) == ledger.Ended(0, None)


def test_an_end_without_the_lease_says_nothing(session: Session, conn: Conn, own: Lease) -> None:
    """Another run has the job now."""
    assert _end(session, own._replace(token=7), Outcome.SUCCESS, conn) is None


def test_a_watermark_moves_with_its_transaction(session: Session, conn: Conn, own: Lease) -> None:
    """It is read as it was written, and a transaction that is rolled back did not move it."""
    assert ledger.watermark(session, own, "events") is None
    for position in ({"until": "2026-02-16"}, {"until": "2026-02-17"}):
        session.write(sql.SQL("SELECT 1"), then=ledger.advance(own, "events", position), ours=True)
        assert ledger.watermark(session, own, "events") == position
    moved = ledger.advance(own, "events", {"until": "2027-01-01"})
    with pytest.raises(psycopg.errors.DivisionByZero):
        session.write(moved, then=sql.SQL("SELECT 1 / 0"), ours=True)
    assert ledger.watermark(session, own, "events") == {"until": "2026-02-17"}
    assert ledger.watermark(session, own, "others") is None
    assert conn.execute("SELECT job, run_id::text FROM job_watermarks").fetchall() == [
        (JOB, own.run_id)
    ]


def test_old_attempts_go_with_the_run_history(inside: Inside, conn: Conn) -> None:
    """Each by its own age; a recent one stays."""
    for ago in ("100 d", "1 d"):
        conn.execute(
            "INSERT INTO job_attempts (run_id, job, item_key, n, started_at, lease_expires_at)"
            " SELECT gen_random_uuid(), 'j', %(ago)s::text, 1, now() - %(ago)s::text::interval, now()",
            {"ago": ago},
        )
    run = ("cleanup-run-history", "--max-percent", "100", "--json")
    assert inside(*run).json["tables"]["public.job_attempts"] == 1
    assert conn.execute("SELECT item_key FROM job_attempts").fetchall() == [("1 d",)]
