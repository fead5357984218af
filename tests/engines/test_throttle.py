"""Throttles: a sweep pauses while others need what it takes, says why, and writes it down."""

import os
import signal
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
import pytest

from maintcli.config.duration import duration
from maintcli.db import example, toolkit
from maintcli.engines.base import throttle_sources
from tests.engines.test_sweep import Conn, count, fill
from tests.parts.cli import Maint
from tests.parts.inside import Inside
from tests.parts.own_server import OwnServer, own_server, standby_of
from tests.parts.waiting import until

SLOWLY = ("cleanup-sessions", "--json", "--batch-target", "1ms")
"""Many batches, so that there is a time between them."""


@contextmanager
def prepared(server: OwnServer) -> Generator[Conn]:
    """A connection to a server with all tables and 20,000 sessions, 60 % of them stale."""
    with server.connect() as connection:
        toolkit.migrate(connection, "public")
        example.create_schema(connection)
        fill(connection, 20_000, 0.6)
        yield connection


def value(conn: psycopg.Connection[Any], query: str) -> Any:
    """The one value of a query."""
    row = conn.execute(query).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return row[0]


def said(process: subprocess.Popen[str], words: str) -> str:
    """The log line with these words, as soon as it is written."""
    assert process.stderr
    seen: list[str] = []
    for line in process.stderr:
        seen.append(line)
        if words in line:
            return line
    raise AssertionError(f"{words!r} was never said:\n{''.join(seen)}")


class Pair(NamedTuple):
    """A primary with all tables, and a streaming replica of it."""

    primary: OwnServer
    conn: Conn
    replica: Conn


@pytest.fixture(scope="module")
def pair() -> Generator[Pair]:
    """Both running, the replica up to date."""
    with own_server() as primary, prepared(primary) as conn, standby_of(primary) as standby:
        replays = "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn IS NOT NULL"
        until(lambda: value(conn, replays), "the replica replays")
        with standby.connect() as replica:
            yield Pair(primary, conn, replica)


@pytest.fixture
def lagging(pair: Pair) -> Generator[Pair]:
    """The replica has stopped replaying and is over a second behind; 12,000 sessions are stale."""
    conn, replica = pair.conn, pair.replica
    conn.execute("TRUNCATE active_sessions, job_runs CASCADE")
    fill(conn, 20_000, 0.6)

    def lag(condition: str) -> bool:
        conn.execute("SELECT pg_logical_emit_message(false, 'maint', 'something to replay')")
        found = value(conn, f"SELECT bool_and(replay_lag {condition}) FROM pg_stat_replication")
        return bool(found)

    until(lambda: lag("< '0.5 s'"), "the replica has caught up")
    replica.execute("SELECT pg_wal_replay_pause()")
    paused = "SELECT pg_get_wal_replay_pause_state() = 'paused'"
    until(lambda: value(replica, paused), "the replica has paused")
    until(lambda: lag("> '1.2 s'"), "the replica is behind")
    yield pair
    replica.execute("SELECT pg_wal_replay_resume()")


def test_a_replica_that_lags_is_waited_for(maint: Maint, lagging: Pair) -> None:
    """A real one: it pauses while replay stands still, says so at once, and goes on after it."""
    primary, conn, replica = lagging
    process = maint.start(*SLOWLY, "--max-replica-lag", "1s", env={"DATABASE_URL": primary.dsn()})
    line = said(process, "pausing")
    assert "replica walreceiver is" in line
    assert "behind (limit 1s)" in line
    replica.execute("SELECT pg_wal_replay_resume()")
    said(process, "because of replica lag")
    assert process.stdout
    out = process.stdout.read()
    assert process.wait() == 0, out
    assert count(conn, "last_heartbeat < now() - interval '60 s'") == 0
    counts = value(conn, "SELECT counts FROM job_runs")
    assert counts["throttled_by"].keys() == {"replica lag"}
    assert counts["throttled_ms"] == counts["throttled_by"]["replica lag"] > 0


def test_a_replica_that_never_said_its_lag_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """replay_lag is NULL until it has replayed something: the positions seen before tell it."""
    now = 0.0
    monkeypatch.setattr(throttle_sources.time, "monotonic", lambda: now)
    source = throttle_sources.ReplicaLag(duration("10s"), None)
    assert source.reason([100, None]) is None
    now = 5.0
    assert source.reason([200, [["a", 50, None], ["b", 150, 0.1]]]) is None
    now = 11.0
    assert source.reason([200, [["a", 50, None], ["b", 150, 0.1]]]) == (
        "replica a is 11 s behind (limit 10s)"
    )
    assert source.reason([200, [["a", 150, None]]]) is None
    assert source.reason([300, None]) is None
    now = 30.0
    assert source.reason([300, None]) is None


def test_pauses_take_half_of_the_timeout_at_most(maint: Maint, lagging: Pair) -> None:
    """Then the run ends with 75, the reason, and the backlog; what was deleted stays deleted."""
    primary, conn, _ = lagging
    result = maint(
        *SLOWLY,
        "--max-replica-lag",
        "1s",
        "--timeout",
        "10s",
        env={"DATABASE_URL": primary.dsn()},
    )
    found = result.json
    assert (result.code, found["outcome"]) == (75, "failed"), result.err
    assert "Throttled out" in found["message"]
    assert "replica walreceiver" in found["message"]
    assert found["throttled_by"]["replica lag"] == found["throttled_ms"] >= 5000
    left = count(conn, "last_heartbeat < now() - interval '60 s'")
    assert found["deleted_count"] > 0
    assert found["backlog"] == left > 0
    assert count(conn, f"backlog = {left} AND exit_code = 75", "job_runs") == 1


def test_a_pause_hears_a_signal(maint: Maint, lagging: Pair) -> None:
    """SIGTERM ends a paused run at once, and the ledger has the pause."""
    primary, conn, _ = lagging
    process = maint.start(*SLOWLY, "--max-replica-lag", "1s", env={"DATABASE_URL": primary.dsn()})
    said(process, "pausing")
    os.kill(process.pid, signal.SIGTERM)
    process.communicate()
    assert process.returncode == 143
    assert value(conn, "SELECT counts -> 'throttled_ms' FROM job_runs") > 0


def test_a_budget_of_time_runs_on_in_a_pause(maint: Maint, lagging: Pair) -> None:
    """Then the run ends as a success with a backlog, not throttled out."""
    primary, _, _ = lagging
    limits = ("--max-replica-lag", "1s", "--max-seconds", "1", "--timeout", "1h")
    result = maint(*SLOWLY, *limits, env={"DATABASE_URL": primary.dsn()})
    assert (result.code, result.json["outcome"]) == (0, "success"), result.err
    assert result.json["backlog"] > 0
    assert "--max-seconds 1 is spent" in result.err


def test_no_throttle_does_not_wait(maint: Maint, lagging: Pair) -> None:
    """--no-throttle sweeps on, whatever lags."""
    primary, _, _ = lagging
    limits = ("--max-replica-lag", "1s", "--no-throttle")
    result = maint(*SLOWLY, *limits, env={"DATABASE_URL": primary.dsn()})
    assert (result.code, result.json["backlog"]) == (0, 0), result.err
    assert (result.json["throttled_ms"], result.json["throttled_by"]) == (0, {})


def test_wal_that_cannot_be_archived_is_waited_for(maint: Maint) -> None:
    """A failing archive_command lets files queue up; once it works, the sweep goes on."""
    settings = {"archive_mode": "on", "archive_command": "false", "archive_timeout": "0"}
    with own_server(settings) as server, prepared(server) as conn:
        for _ in range(4):
            conn.execute("CREATE TABLE IF NOT EXISTS t (); INSERT INTO t DEFAULT VALUES")
            conn.execute("SELECT pg_switch_wal()")
        conn.execute("CREATE ROLE poor LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO poor")
        poor = {"DATABASE_URL": server.dsn(user="poor")}
        refused = maint(*SLOWLY, "--max-archive-queue", "2", env=poor)
        assert (refused.code, 'GRANT pg_monitor TO "poor"' in refused.err) == (77, True)
        process = maint.start(
            *SLOWLY, "--max-archive-queue", "2", env={"DATABASE_URL": server.dsn()}
        )
        assert "WAL files wait to be archived (limit 2)" in said(process, "pausing")
        # The command line is stronger than ALTER SYSTEM: the files are taken away instead.
        status = server.data / "pg_wal" / "archive_status"
        for file in status.glob("*.ready"):
            file.rename(file.with_suffix(".done"))
        said(process, "because of archive queue")
        assert process.stdout
        out = process.stdout.read()
        assert process.wait() == 0, out
        assert value(
            conn, "SELECT counts -> 'throttled_by' FROM job_runs WHERE outcome = 'success'"
        ).keys() == {"archive queue"}
        conn.close()
        server.stop("immediate")  # it would try to archive what is left


def test_no_archiving_is_no_queue(inside: Inside, conn: Conn) -> None:
    """A limit may stand in the configuration of a server that archives nothing."""
    fill(conn, 20_000, 0.6)
    result = inside(*SLOWLY, "--max-archive-queue", "1")
    assert (result.code, result.json["throttled_ms"]) == (0, 0), result.err


WAITED_FOR = """
CREATE FUNCTION wait_until_waited_for() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF old.session_id = 'waited for' THEN
        WHILE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted
                          AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))
        LOOP PERFORM pg_sleep(0.01); END LOOP;
    END IF;
    RETURN old;
END $$;
CREATE TRIGGER waited_for BEFORE DELETE ON active_sessions FOR EACH ROW
EXECUTE FUNCTION wait_until_waited_for();
"""


def test_sessions_that_wait_for_us_are_let_by(maint: Maint, conn: Conn, db: str) -> None:
    """Somebody wants a row of the batch: seen while the batch holds it, and answered by a pause."""
    conn.execute("INSERT INTO active_sessions VALUES ('waited for', 'k', now() - interval '1 h')")
    conn.execute(WAITED_FOR)
    fill(conn, 20_000, 0.6)
    process = maint.start(*SLOWLY, env={"DATABASE_URL": db})
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    until(lambda: value(conn, asleep), "the batch holds the row")
    with psycopg.connect(db) as other:
        other.execute("SELECT FROM active_sessions WHERE session_id = 'waited for' FOR UPDATE")
    assert "a session waits for a row of the last batch" in said(process, "pausing")
    out, err = process.communicate()
    assert process.returncode == 0, out + err
    assert value(conn, "SELECT counts -> 'throttled_by' FROM job_runs").keys() == {
        "waiting sessions"
    }


def test_a_session_that_waits_for_the_table_is_let_by(conn: Conn, db: str) -> None:
    """An ALTER TABLE that waits for others: the next batch does not queue up behind it."""
    from maintcli.engines.base.throttle_sources import WaitingSessions

    oid = value(conn, "SELECT 'active_sessions'::regclass::oid::int8")
    source = WaitingSessions([oid], timeout_seconds=60)
    query = source.query.as_string(conn)
    assert source.reason(value(conn, query)) is None
    with psycopg.connect(db) as reader, psycopg.connect(db) as owner:
        reader.execute("SELECT FROM active_sessions")
        lock = "LOCK TABLE active_sessions IN ACCESS EXCLUSIVE MODE"
        waiter = threading.Thread(target=owner.execute, args=(lock,))
        waiter.start()
        until(lambda: value(conn, query), "somebody waits")
        assert source.reason(value(conn, query)) == "a session waits for a lock on active_sessions"
        reader.rollback()
        waiter.join()
        assert source.reason(value(conn, query)) is None


@pytest.mark.usefixtures("clock")
def test_a_vacuum_is_waited_for_but_not_for_long(
    inside: Inside, conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may take hours: a twentieth of the timeout, in all, then the sweep goes on beside it."""
    from psycopg import sql

    fill(conn, 20_000, 0.6)
    monkeypatch.setattr(
        throttle_sources, "_VACUUMS", sql.SQL("SELECT to_json(({oids}::oid[])[1]::regclass::text)")
    )
    result = inside(*SLOWLY)
    assert (result.code, result.json["backlog"]) == (0, 0), result.err
    assert result.json["throttled_by"].keys() == {"vacuum"}
    assert result.err.count("pausing: a vacuum works on") == 1


def test_a_real_vacuum_is_seen(conn: Conn, db: str) -> None:
    """The view names the table while VACUUM works on it."""
    from maintcli.engines.base.throttle_sources import Vacuum

    oid = value(conn, "SELECT 'active_sessions'::regclass::oid::int8")
    query = Vacuum([oid], timeout_seconds=60).query.as_string(conn)
    fill(conn, 20_000, 0.6)
    conn.execute("DELETE FROM active_sessions")
    with psycopg.connect(db, autocommit=True) as other:
        other.execute("SET vacuum_cost_delay = '100ms'; SET vacuum_cost_limit = 1")
        worker = threading.Thread(target=_cancelled, args=(other, "VACUUM active_sessions"))
        worker.start()
        until(lambda: value(conn, query) == "active_sessions", "the vacuum is seen")
        other.cancel_safe()
        worker.join()
    assert value(conn, query) is None


def _cancelled(connection: Conn, statement: str) -> None:
    with pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute(statement)  # type: ignore[arg-type]


@pytest.fixture
def poor(conn: Conn, db: str) -> Generator[str]:
    """The URL of a role that may sweep, and may not read the server's statistics."""
    conn.execute("CREATE ROLE poor LOGIN")
    conn.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO poor")
    yield db.replace("postgres@", "poor@")
    conn.execute("DROP OWNED BY poor")
    conn.execute("DROP ROLE poor")


def test_what_stands_by_default_and_cannot_be_read_is_left_out(
    inside: Inside, conn: Conn, poor: str
) -> None:
    """A role without pg_monitor sweeps, and only -v says that it does so half blind."""
    fill(conn, 20_000, 0.6)
    result = inside(*SLOWLY, env={"DATABASE_URL": poor})
    assert (result.code, result.json["warnings"]) == (0, []), result.err
    assert "may not read" not in result.err
    fill_again = "UPDATE active_sessions SET last_heartbeat = now() - interval '1 h'"
    conn.execute(fill_again)  # type: ignore[arg-type]
    result = inside(*SLOWLY, "-v", env={"DATABASE_URL": poor})
    assert "poor may not read replica lag: no throttle of it" in result.err
    assert "poor may not read vacuum: no throttle of it" in result.err
    assert result.code == 0


def test_what_was_asked_for_and_cannot_be_read_is_an_error(
    inside: Inside, conn: Conn, poor: str
) -> None:
    """77, before the first row, with the GRANT that helps; and then it does help."""
    fill(conn, 100, 1)
    result = inside(*SLOWLY, "--max-replica-lag", "5s", env={"DATABASE_URL": poor})
    assert (result.code, count(conn)) == (77, 100)
    assert 'GRANT pg_monitor TO "poor"' in result.err
    assert "--max-replica-lag is set" in result.err
    conn.execute("GRANT pg_monitor TO poor")
    assert inside(*SLOWLY, "--max-replica-lag", "5s", env={"DATABASE_URL": poor}).code == 0


@pytest.mark.parametrize(
    ("option", "value"), [("--max-replica-lag", "0"), ("--max-archive-queue", "0")]
)
def test_a_limit_of_zero_is_refused(inside: Inside, option: str, value: str) -> None:
    """Nothing would ever be deleted; to be without throttles there is --no-throttle."""
    result = inside("cleanup-sessions", option, value)
    assert result.code == 2
    assert "must be at least" in result.err


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("origin", ["--max-replica-lag", None])
def test_what_cannot_be_read_later_counts_as_bad_only_where_it_was_asked_for(
    inside: Inside, conn: Conn, monkeypatch: pytest.MonkeyPatch, origin: str | None
) -> None:
    """A source that fails in mid-run: a default one is dropped, a configured one pauses the run."""
    from psycopg import sql

    from maintcli.engines.base.throttle_sources import ReplicaLag

    fill(conn, 20_000, 0.6)
    monkeypatch.setattr(ReplicaLag, "query", sql.SQL("SELECT to_json(1 / 0)"))
    limits = (origin, "5s") if origin else ()
    result = inside(*SLOWLY, *limits)
    if origin:
        assert result.code == 75
        assert "replica lag cannot be read: division by zero" in result.json["message"]
    else:
        assert (result.code, result.json["throttled_ms"]) == (0, 0), result.err
