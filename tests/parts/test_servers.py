"""The servers and poolers of the tests do what the tests rely on."""

import psycopg
import pytest

from tests.parts.databases import database
from tests.parts.own_server import HOW, own_server, standby_of
from tests.parts.pgbouncer import pgbouncer
from tests.parts.server import Server
from tests.parts.waiting import until


def test_a_database_is_copied_and_dropped_by_force(server: Server) -> None:
    """A test that leaves a connection open does not keep its database."""
    with database(server) as template:
        with server.connect(template) as connection:
            connection.execute("CREATE TABLE t AS SELECT 7 AS x")
        with database(server, template=template) as name:
            left = server.connect(name)
            assert left.execute("SELECT x FROM t").fetchone() == (7,)
    with server.connect() as connection:
        row = connection.execute("SELECT count(*) FROM pg_database WHERE datname = %s", [name])
        assert row.fetchone() == (0,)
    left.close()


def test_bare_databases_are_empty_and_differ(bare_db: str) -> None:
    """The URL is one that any client takes."""
    with psycopg.connect(bare_db) as connection:
        query = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        assert connection.execute(query).fetchone() == (0,)


def test_a_server_of_its_own_keeps_its_address_and_data_through_restarts() -> None:
    """In each way of stopping, a client is cut and the committed rows stay."""
    with own_server({"fsync": "on", "synchronous_commit": "on"}) as server:
        with server.connect() as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS x")
        for how in HOW.keys() - {"smart"}:
            client = server.connect()
            server.restart(how)
            with pytest.raises(psycopg.OperationalError):
                client.execute("SELECT 1")
            client.close()
            with server.connect() as connection:
                assert connection.execute("SELECT x FROM kept").fetchone() == (1,)


def test_a_standby_follows_and_is_read_only() -> None:
    """Rows of the primary arrive, and a write is refused."""
    with own_server() as primary, standby_of(primary) as standby:
        with primary.connect() as connection:
            connection.execute("CREATE TABLE t AS SELECT 1 AS x")
        with standby.connect() as connection:
            query = "SELECT to_regclass('t') IS NOT NULL"
            until(lambda: connection.execute(query).fetchone() == (True,), "the table arrives")
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                connection.execute("INSERT INTO t VALUES (2)")


def test_the_pooler_gives_one_backend_to_two_clients(server: Server) -> None:
    """Transaction mode: what is set on a session, a stranger sees."""
    with pgbouncer(server, size=1) as pooler, pooler.connect() as one, pooler.connect() as two:
        query = "SELECT pg_backend_pid()"
        assert one.execute(query).fetchone() == two.execute(query).fetchone()
