"""The lease: one run a job, renewed while it works, given back at its end."""

import threading
from typing import Any
from unittest import mock

import psycopg
import pytest

from maintcli.errors import TryAgain
from maintcli.runtime import lease
from maintcli.runtime.lease import Lease
from maintcli.runtime.session import Session
from maintcli.runtime.stop import Deadline, Never, Stop
from tests.parts.beside import at_gate, shut_gate
from tests.parts.inside import Inside
from tests.parts.ledger import run_was
from tests.parts.waiting import until

Conn = psycopg.Connection[tuple[Any, ...]]
RUN = "01a200a7-91d8-7db5-bf10-da382dbaaca6"


def hold(conn: Conn, seconds: int = 60) -> None:
    """Somebody else's run holds cleanup-sessions."""
    conn.execute(
        "INSERT INTO job_heartbeats (name, lease_token, lease_expires_at, lease_run_id, runner_id)"
        " VALUES ('cleanup-sessions', 7, now() + %s * interval '1 s', %s, 'elsewhere')",
        [seconds, RUN],
    )


def test_a_held_job_is_skipped(inside: Inside, conn: Conn) -> None:
    """Exit 0, saying who holds it; neither heartbeat nor history is touched."""
    hold(conn)
    result = inside("cleanup-sessions", "--json")
    assert (result.code, result.json["outcome"]) == (0, "skipped")
    assert "elsewhere" in result.json["message"]
    assert RUN in result.json["message"]
    assert conn.execute("SELECT last_heartbeat FROM job_heartbeats").fetchall() == [(None,)]
    assert conn.execute("SELECT count(*) FROM job_runs").fetchone() == (0,)


def test_a_held_job_fails_where_that_is_wished(inside: Inside, conn: Conn) -> None:
    """--if-locked fail is exit 75."""
    hold(conn)
    assert inside("cleanup-sessions", "--if-locked", "fail").code == 75


def test_a_held_job_is_waited_for(inside: Inside, conn: Conn) -> None:
    """--if-locked wait begins when the other run is over."""
    hold(conn, 1)
    result = inside("cleanup-sessions", "--if-locked", "wait", "--json")
    assert (result.code, result.json["outcome"]) == (0, "success")


@pytest.mark.usefixtures("clock")
def test_waiting_has_an_end(inside: Inside, conn: Conn) -> None:
    """Half of the timeout, then 75."""
    hold(conn)
    assert inside("cleanup-sessions", "--if-locked", "wait").code == 75


def test_a_run_gives_its_lease_back(inside: Inside, conn: Conn) -> None:
    """The next run need not wait, and its token is higher."""
    for expected in (1, 2):
        inside("cleanup-sessions")
        query = "SELECT lease_token, lease_expires_at, lease_run_id FROM job_heartbeats WHERE name = 'cleanup-sessions'"
        assert conn.execute(query).fetchone() == (expected, None, None)


def test_a_lease_is_renewed_while_one_transaction_works(
    inside: Inside, conn: Conn, db: str
) -> None:
    """From another thread and connection: a batch that takes long does not lose it."""
    conn.execute("INSERT INTO active_sessions VALUES ('s', 'k', now() - interval '1 h')")
    expiry = "SELECT lease_expires_at FROM job_heartbeats WHERE name = 'cleanup-sessions'"
    seen: list[Any] = []
    with psycopg.connect(db) as blocker, mock.patch.object(lease, "RENEW_SECONDS", 0.05):
        blocker.execute("LOCK TABLE active_sessions IN EXCLUSIVE MODE")

        def watch() -> None:
            until(lambda: conn.execute(expiry).fetchone() not in (None, (None,)), "it began")
            seen.append(conn.execute(expiry).fetchone())
            until(lambda: conn.execute(expiry).fetchone() != seen[0], "it was renewed")
            blocker.rollback()

        thread = threading.Thread(target=watch)
        thread.start()
        result = inside("cleanup-sessions", "--json")
        thread.join()
    assert result.json["deleted_count"] == 1, result.err


def test_a_lease_that_was_taken_away_stops_the_run(inside: Inside, conn: Conn, db: str) -> None:
    """The renewal notices, the query is cancelled, and nothing more is written: 75."""
    conn.execute("INSERT INTO active_sessions VALUES ('s', 'k', now() - interval '1 h')")
    taken = "UPDATE job_heartbeats SET lease_token = 99 WHERE name = 'cleanup-sessions' AND lease_expires_at IS NOT NULL"
    with psycopg.connect(db) as blocker, mock.patch.object(lease, "RENEW_SECONDS", 0.05):
        blocker.execute("LOCK TABLE active_sessions IN EXCLUSIVE MODE")
        thread = threading.Thread(
            target=lambda: until(lambda: conn.execute(taken).rowcount, "the lease is taken")
        )
        thread.start()
        result = inside("cleanup-sessions", "--json")
        thread.join()
    assert result.code == 75, result.err
    assert "lease" in result.json["message"]
    assert conn.execute("SELECT outcome FROM job_runs").fetchall() == [("running",)]
    assert conn.execute("SELECT count(*) FROM active_sessions").fetchone() == (1,)


def test_slots_bound_how_many_run(db: str, conn: Conn) -> None:
    """A job that finds no slot waits, and then says so; an exempt one needs none."""

    def taker(seconds: float) -> Session:
        return Session(lambda: psycopg.connect(db, autocommit=True), Never(), Deadline(seconds, ""))

    first, second = (Lease("public", job, RUN[:-1] + str(n), 1) for n, job in enumerate("ab"))
    one, two = taker(60), taker(2)
    lease.take_slot(one, first, limit=1, timeout=61)
    with pytest.raises(TryAgain, match="max-concurrent-jobs"):
        lease.take_slot(two, second, limit=1, timeout=61)
    lease.take_slot(two, second, limit=1, timeout=60)
    lease.take_slot(two, second, limit=2, timeout=61)
    taken = conn.execute("SELECT slot FROM job_slots WHERE lease_run_id IS NOT NULL ORDER BY slot")
    assert taken.fetchall() == [(1,), (2,)]
    one.close()
    two.close()


def test_a_long_job_takes_a_slot_and_returns_it(inside: Inside, conn: Conn) -> None:
    """With a timeout of over a minute."""
    assert inside("cleanup-sessions", "--timeout", "61s").code == 0
    assert conn.execute("SELECT count(*), count(lease_run_id) FROM job_slots").fetchone() == (5, 0)


@pytest.mark.usefixtures("steady")
def test_the_deadline_ends_a_run(
    inside: Inside, conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """124 with work unfinished; what was done is kept and counted, and the next run continues."""
    conn.execute(
        "INSERT INTO active_sessions SELECT i, 'k', now() - interval '1 h' FROM generate_series(1, 50000) i"
    )
    shut_gate(conn, "active_sessions", after=10_000)
    heard = Stop.heard

    def comes_in_mid_batch(stop: Stop, seconds: float) -> bool:
        if threading.current_thread().name != "maint-deadline":
            return heard(stop, seconds)
        until(lambda: stop.reason or at_gate(conn), "a batch waits at the gate")
        return False

    monkeypatch.setattr(Stop, "heard", comes_in_mid_batch)
    result = inside("cleanup-sessions", "--json")
    assert result.code == 124, result.err
    gone = result.json["deleted_count"]
    assert 0 < gone < 50_000
    assert conn.execute("SELECT deleted_count, outcome FROM job_runs").fetchone() == (
        gone,
        "timeout",
    )
    assert conn.execute("SELECT count(*) FROM active_sessions").fetchone() == (50_000 - gone,)
    conn.execute("DROP TRIGGER gate ON active_sessions")
    monkeypatch.setattr(Stop, "heard", heard)
    assert inside("cleanup-sessions", "--json").json["deleted_count"] == 50_000 - gone


def test_every_run_touches_the_jobs_runner(inside: Inside, conn: Conn) -> None:
    """With JOB_RUNNER_ID, for readyz."""
    inside("cleanup-sessions", env={"JOB_RUNNER_ID": "pod-7"})
    query = "SELECT runner_id FROM job_heartbeats WHERE name = 'jobs-runner' AND last_heartbeat IS NOT NULL"
    assert conn.execute(query).fetchone() == ("pod-7",)


def test_a_lease_of_a_clock_that_was_ahead_is_taken(inside: Inside, conn: Conn) -> None:
    """A lease is 60 s long; the killed run is recorded as lost, and the rows go."""
    killed = run_was(conn, "running")
    conn.execute("UPDATE job_runs SET started_at = '2026-02-16 10:00:00.5+00'")
    hold(conn, 300 * 86_400)
    conn.execute("UPDATE job_heartbeats SET lease_run_id = %s", [killed])
    conn.execute("INSERT INTO active_sessions VALUES ('s', 'k', now() - interval '1 hour')")
    result = inside("cleanup-sessions", "--json")
    assert (result.code, result.json["outcome"]) == (0, "success"), result.err
    assert f"run {killed} of 2026-02-16 10:00:00 UTC never finished" in result.err
    assert conn.execute("SELECT count(*) FROM active_sessions").fetchone() == (0,)
    assert conn.execute("SELECT outcome FROM job_runs WHERE run_id = %s", [killed]).fetchone() == (
        "lost",
    )


def test_a_slot_of_a_clock_that_was_ahead_is_taken(inside: Inside, conn: Conn) -> None:
    """Also where all of them are."""
    conn.execute(
        "INSERT INTO job_slots SELECT i, now() + interval '300 d', gen_random_uuid()"
        " FROM generate_series(1, 5) AS i"
    )
    assert inside("cleanup-orphans").code == 0
