"""A connection that does not come about: what stays wrong is said at once, the rest is retried."""

from collections.abc import Generator
from uuid import uuid4

import psycopg
import pytest

from maintcli.db.connect import connect, refusal
from maintcli.errors import Code, MaintError
from tests.jobs.every import SESSIONS, fill, one
from tests.parts.inside import Inside
from tests.parts.own_server import OwnServer, own_server
from tests.parts.pgbouncer import pgbouncer

_HBA = """
local all postgres,trusted,ghost,nologin,full trust
local all rejected reject
local all peer peer
local all all scram-sha-256
"""
_CACHED = "server login has been failing, cached error"


@pytest.fixture(scope="module")
def strict() -> Generator[OwnServer]:
    """A server with every reason to refuse, over TCP and a socket."""
    with own_server({"listen_addresses": "127.0.0.1"}) as server:
        with server.connect() as connection:
            connection.execute("CREATE ROLE app LOGIN PASSWORD 'right'")
            connection.execute("CREATE ROLE nologin; CREATE ROLE full LOGIN CONNECTION LIMIT 0")
            connection.execute("CREATE DATABASE shut ALLOW_CONNECTIONS false")
            connection.execute("CREATE DATABASE own")
            connection.execute("REVOKE CONNECT ON DATABASE own FROM public")
        (server.data / "pg_hba.conf").write_text(_HBA)
        with server.connect() as connection:
            connection.execute("SELECT pg_reload_conf()")
        yield server


def refused(server: OwnServer, **given: str) -> MaintError:
    """How a connection ends that must not come about."""
    target = {"host": server.host, "port": server.port, "dbname": "postgres", **given}
    with pytest.raises(MaintError) as caught:
        connect(target, application="maint/test")
    return caught.value


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ({"user": "app", "password": "wrong"}, 77, "password authentication failed"),
        ({"user": "app"}, 77, "no password supplied. Give the password"),
        ({"user": "peer"}, 77, "Peer authentication failed"),
        ({"user": "rejected"}, 77, "pg_hba.conf rejects connection"),
        ({"user": "app", "host": "127.0.0.1"}, 77, "no pg_hba.conf entry"),
        ({"user": "nologin"}, 77, "not permitted to log in. Let an administrator give it LOGIN"),
        ({"user": "app", "password": "right", "dbname": "own"}, 77, "grant CONNECT"),
        ({"user": "ghost"}, 78, 'role "ghost" does not exist'),
        ({"user": "postgres", "dbname": "nowhere"}, 78, 'database "nowhere" does not exist'),
        ({"user": "postgres", "dbname": "shut"}, 78, "not currently accepting connections"),
        ({"user": "app", "host": "127.0.0.1", "sslmode": "require"}, 78, "does not support SSL"),
        ({"user": "app", "sslmode": "maybe"}, 78, 'invalid sslmode value: "maybe"'),
        ({"user": "app", "password": "right", "require_auth": "md5"}, 78, "requirement"),
        ({"user": "app", "password": "right", "channel_binding": "require"}, 78, "binding"),
        ({"user": "full"}, 69, "too many connections for role"),
        ({"user": "postgres", "host": "127.0.0.1", "port": "1"}, 69, "Connection refused"),
        ({"user": "postgres", "host": "/nowhere"}, 69, "No such file or directory"),
    ],
)
def test_a_server_refuses(strict: OwnServer, given: dict[str, str], code: int, words: str) -> None:
    """77 and 78 are never retried, 69 is; the sentence has the server's words, and no password."""
    error = refused(strict, **given)
    assert (error.exit_code, words in str(error)) == (code, True), error
    assert "right" not in str(error)


def test_one_of_two_hosts_refuses_for_good(strict: OwnServer) -> None:
    """The other one is down; waiting for it would hide the wrong password."""
    hosts = {"host": f"{strict.host},127.0.0.1", "port": f"{strict.port},1"}
    error = refused(strict, **{**hosts, "user": "app", "password": "wrong"})
    assert error.exit_code == Code.PRIVILEGE
    assert "password authentication failed" in str(error)


def test_a_pooler_refuses(strict: OwnServer) -> None:
    """PgBouncer has texts of its own, for the user, the database and what it cannot pass on."""
    with pgbouncer(strict) as pooler:
        for given, code, words in (
            ({"user": "app", "password": "right"}, 77, "authentication failed"),
            ({"user": "postgres", "dbname": "nowhere"}, 78, "does not exist"),
            ({"user": "postgres", "options": "-c search_path=a"}, 78, "ignore_startup_parameters"),
        ):
            target = {"host": pooler.host, "port": pooler.port, "dbname": "postgres", **given}
            with pytest.raises(MaintError, match=words) as caught:
                connect(target, application="maint/test")
            assert caught.value.exit_code == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("failed to resolve host 'nowhere': [Errno -2] Name or service not known", 78),
        ("failed to resolve host 'nowhere': [Errno -3] Temporary failure in name resolution", 69),
        ("connection failed: FATAL:  no such user: app", 77),
        ('connection failed: FATAL:  no such database: "a"', 78),
        ("connection failed: FATAL:  SSL required", 78),
        ("connection failed: FATAL:  no more connections allowed (max_client_conn)", 69),
        (f"connection failed: FATAL:  {_CACHED}: connect failed (server_login_retry)", 69),
        (f"connection failed: FATAL:  {_CACHED}: password authentication failed (server_…)", 77),
        ("connection failed: FATAL:  Tenant or user not found", 77),
        ("connection failed: SSL error: certificate verify failed", 78),
        ("connection failed: SSL error: unexpected eof while reading", 69),
        ("connection failed: received invalid response to SSL negotiation: H", 78),
        ("connection failed: FATAL:  sorry, too many clients already", 69),
        ("connection failed: FATAL:  the database system is starting up", 69),
        ("connection failed: FATAL:  the database system is in recovery mode", 69),
        ("connection failed: session is read-only", 69),
    ],
)
def test_texts_of_other_places(text: str, code: int) -> None:
    """Of newer poolers, hosting services, networks and moments that no test can make."""
    error = refusal(psycopg.OperationalError(text))
    assert error.exit_code == code
    assert ("Point DATABASE_URL at the primary" in str(error)) == ("read-only" in text)


@pytest.mark.parametrize(
    ("where", "cure"),
    [
        ("ROLE {role}", "ALTER ROLE {role} RESET"),
        ("DATABASE {database}", "ALTER DATABASE {database} RESET"),
        ("ROLE {role} IN DATABASE {database}", "ALTER ROLE {role} IN DATABASE {database} RESET"),
    ],
)
def test_primary_that_is_read_only_by_default_is_refused_at_once(
    inside: Inside, conn: psycopg.Connection, db: str, where: str, cure: str
) -> None:
    """With the statement to run; a dry run needs it not, and no row goes before."""
    names = {"role": f"keeper_{uuid4().hex[:8]}", "database": conn.info.dbname}
    conn.execute(f"CREATE ROLE {names['role']} LOGIN SUPERUSER".encode())
    setting = "SET default_transaction_read_only = on"
    conn.execute(f"ALTER {where.format(**names)} {setting}".encode())
    fill(conn, SESSIONS, stale=1, fresh=1)
    env = {"DATABASE_URL": db.replace("postgres@", f"{names['role']}@")}
    dry = inside(*SESSIONS.command, "--dry-run", "--json", env=env)
    assert (dry.code, dry.json["deleted_count"]) == (0, 1), dry.err
    for command in (SESSIONS.command, ("pause", "cleanup-sessions")):
        real = inside(*command, env=env)
        assert (real.code, one(conn, SESSIONS.stale)) == (78, 1)
        assert f"run: {cure.format(**names)} default_transaction_read_only;" in real.err
        assert "not a replica" in real.err
