"""A database that does not answer: the wait is said at once, and may be ended at any time."""

import os
import signal
import socket
import subprocess
from collections.abc import Generator

import psycopg
import pytest

from maintcli.config.database import DatabaseConfig
from maintcli.config.variables import Secret
from maintcli.db.connect import first_answer
from maintcli.errors import Code, Unreachable
from maintcli.runtime import session, visit
from tests.parts.cli import Maint
from tests.parts.inside import Inside
from tests.parts.own_server import own_server
from tests.parts.pgbouncer import pgbouncer
from tests.parts.server import Server
from tests.parts.waiting import until

Process = subprocess.Popen[str]
Conn = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def mute() -> Generator[str]:
    """The URL of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"postgresql://a@127.0.0.1:{listener.getsockname()[1]}/a"


def line(process: Process) -> str:
    """The next line that it says."""
    assert process.stderr is not None
    return process.stderr.readline()


def interrupted(process: Process) -> str:
    """What it says on Ctrl-C; 130 is its exit code."""
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    return err


def test_a_refused_connection_is_waited_for_aloud(maint: Maint) -> None:
    """At once: that it waits, how long, and why."""
    url = "postgresql://a@127.0.0.1:1/a"
    process = maint.start("cleanup-sessions", env={"DATABASE_URL": url})
    assert "INFO cleanup-sessions Waiting for the database, up to 30 s: " in (said := line(process))
    assert said.endswith(
        "Connection refused. Check host and port, and that PostgreSQL runs there.\n"
    )
    interrupted(process)


def test_a_silent_server_is_waited_for_aloud(maint: Maint, mute: str) -> None:
    """Before the first attempt has failed, so that there is no reason yet."""
    process = maint.start("cleanup-sessions", env={"DATABASE_URL": mute})
    assert line(process).endswith("Waiting for the database, up to 30 s.\n")
    interrupted(process)


def test_an_operator_command_waits_aloud(maint: Maint, mute: str) -> None:
    """It tries once, and Ctrl-C ends it without a word on rows."""
    process = maint.start("status", env={"DATABASE_URL": mute})
    assert line(process) == "maint: Waiting for the database, up to 10 s.\n"
    assert interrupted(process) == "maint: Stopped by SIGINT.\n"


def test_interrupted_before_any_connection(maint: Maint, mute: str) -> None:
    """Nothing is called committed or rolled back."""
    process = maint.start("cleanup-sessions", "--json", env={"DATABASE_URL": mute})
    line(process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130
    assert "Stopped by SIGINT before the database was reached; nothing was changed." in out
    assert "committed" not in out + err
    assert "rolled back" not in out + err


def test_an_interrupted_dry_run(maint: Maint, db: str, conn: Conn) -> None:
    """It has nothing that could be kept or rolled back."""
    with psycopg.connect(db) as holder:
        holder.execute("LOCK TABLE active_sessions IN ACCESS EXCLUSIVE MODE")
        process = maint.start("cleanup-sessions", "--dry-run", env={"DATABASE_URL": db})
        waits = (
            "SELECT count(*) FROM pg_stat_activity WHERE application_name ="
            " 'maint/cleanup-sessions' AND wait_event_type = 'Lock'"
        )
        until(lambda: conn.execute(waits).fetchone() == (1,), "it waits for the table")
        said = interrupted(process)
    assert "Stopped by SIGINT in a dry run, which changes nothing." in said
    assert "rolled back" not in said


@pytest.mark.usefixtures("impatient")
def test_quiet_waits_in_silence(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait that ends well sends no mail from cron; one that does not is one line of error."""
    monkeypatch.setattr(session, "LEAST_SECONDS", 0)
    inside.env["DATABASE_URL"] = "postgresql://a@127.0.0.1:1/a"
    assert "Waiting" in inside("cleanup-sessions").err
    result = inside("cleanup-sessions", "--quiet")
    assert (result.code, result.err.count("\n")) == (69, 1)
    assert "Waiting" not in result.err


def test_no_free_connection_is_waited_for(maint: Maint, db: str) -> None:
    """53300: the run begins once there is one."""
    with psycopg.connect(db, autocommit=True) as connection:
        connection.execute("CREATE ROLE full LOGIN CONNECTION LIMIT 0")
        connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO full")
        try:
            url = db.replace("postgres@", "full@")
            process = maint.start("cleanup-sessions", env={"DATABASE_URL": url})
            assert 'too many connections for role "full"' in line(process)
            connection.execute("ALTER ROLE full CONNECTION LIMIT -1")
            _, err = process.communicate()
            assert process.returncode == 0, err
        finally:
            connection.execute("DROP OWNED BY full; DROP ROLE full")


def test_a_server_that_shuts_down_is_waited_for(maint: Maint) -> None:
    """57P03."""
    with own_server() as server, server.connect():
        server._process[0].send_signal(signal.SIGTERM)
        until(lambda: _shuts_down(server), "it shuts down")
        process = maint.start("cleanup-sessions", env={"DATABASE_URL": server.dsn()})
        assert "up to 30 s: the database system is shutting down." in line(process)
        interrupted(process)


def test_a_pooler_whose_server_is_gone(maint: Maint) -> None:
    """It takes the connection, and says nothing: that is waited for aloud, and can be stopped."""
    with own_server() as server, pgbouncer(server) as pooler:
        server.stop("immediate")
        env = {"DATABASE_URL": pooler.dsn()}
        process = maint.start("cleanup-sessions", env=env)
        assert "INFO cleanup-sessions Waiting for the database, up to 30 s" in line(process)
        assert "before the database was reached; nothing was changed" in interrupted(process)
        process = maint.start("status", env=env)
        assert process.wait() == 69
        server.start()


def test_a_command_does_not_wait_for_a_connection_it_lost(conn: Conn, db: str) -> None:
    """It ends with 69: whoever typed it types it again."""
    database = DatabaseConfig("default", Secret(db), "a test", None, "database")

    def lose() -> None:
        with visit.toolkit_tables(database, "status") as (session, _):
            pid = session.connection.info.backend_pid
            conn.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
            with pytest.raises(psycopg.OperationalError):
                session.read("SELECT 1")
            session.read("SELECT 1")

    with pytest.raises(Unreachable) as caught:
        lose()
    assert caught.value.exit_code == Code.UNREACHABLE


def test_a_server_that_accepts_and_never_answers() -> None:
    """The wait for its first answer ends, and the connection is closed."""
    with own_server() as server:
        connection = server.connect()
        pid = connection.info.backend_pid
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(Unreachable) as caught:
                first_answer(connection, 0.1)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert caught.value.exit_code == Code.UNREACHABLE
        assert connection.closed


def _shuts_down(server: Server) -> bool:
    try:
        server.connect().close()
    except psycopg.OperationalError as error:
        return "shutting down" in str(error)
    return False
