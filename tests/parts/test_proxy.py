"""The proxy cuts where it says."""

import time
from collections.abc import Generator

import psycopg
import pytest

from tests.parts.folders import short_folder
from tests.parts.proxy import Proxy, proxy
from tests.parts.server import Server


@pytest.fixture
def way(server: Server) -> Generator[Proxy]:
    """A proxy without faults."""
    with proxy(server) as found:
        yield found


def table(dsn: str) -> psycopg.Connection:
    """A connection outside of autocommit, to a database with an empty table `t`."""
    connection = psycopg.connect(dsn)
    connection.execute("CREATE TABLE t (x int)")
    connection.commit()
    return connection


def name_of(dsn: str) -> str:
    """The name of the database."""
    return dsn.partition("@/")[2].partition("?")[0]


def rows(dsn: str) -> int:
    """The rows of `t`, seen directly."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM t").fetchone()
    assert row
    return int(row[0])


@pytest.mark.parametrize(("moment", "committed"), [("before", 0), ("after", 1)])
def test_a_commit_is_cut_before_or_after_it_happens(
    way: Proxy, bare_db: str, moment: str, committed: int
) -> None:
    """The client learns the same of both; only the server knows."""
    with table(way.dsn(name_of(bare_db))) as connection:
        assert moment in ("before", "after")
        cut = way.cut_at(b"COMMIT", "before" if moment == "before" else "after")
        connection.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(psycopg.OperationalError):
            connection.commit()
        assert cut.done
        assert rows(bare_db) == committed
    with psycopg.connect(way.dsn(name_of(bare_db))) as again:
        again.execute("INSERT INTO t VALUES (1)")
        again.commit()  # once means once


def test_the_nth_commit_is_cut(way: Proxy, bare_db: str) -> None:
    """A test may choose how far a run gets."""
    with table(way.dsn(name_of(bare_db))) as connection:
        way.cut_at(b"COMMIT", "before", nth=2)
        connection.execute("INSERT INTO t VALUES (1)")
        connection.commit()
        connection.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(psycopg.OperationalError):
            connection.commit()
    assert rows(bare_db) == 1


def test_a_reset_ends_a_connection_in_mid_query(way: Proxy) -> None:
    """The client sees a lost connection, and the next one is carried."""
    with psycopg.connect(way.dsn()) as connection:
        assert way.reset() == 1
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    psycopg.connect(way.dsn()).close()


def test_an_answer_is_cut_after_some_bytes(way: Proxy) -> None:
    """A result stops in the middle."""
    with psycopg.connect(way.dsn()) as connection:
        way.faults.cut_after_bytes = 10_000
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT repeat('x', 1000000)")


def test_a_refused_connection_fails(way: Proxy) -> None:
    """As behind a firewall that resets."""
    way.faults.refuse = True
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(way.dsn())


def test_the_delay_is_added_in_each_direction(server: Server) -> None:
    """A round trip takes at least twice the delay; how much more is the machine's affair."""
    with proxy(server) as way, psycopg.connect(way.dsn(), autocommit=True) as connection:
        way.faults.delay = 0.05
        begun = time.monotonic()
        connection.execute("SELECT 1")
        assert time.monotonic() - begun >= 0.1


def test_the_proxy_may_listen_on_a_unix_socket(server: Server) -> None:
    """For programs that know no TCP."""
    with (
        short_folder() as folder,
        proxy(server, folder=folder) as way,
        psycopg.connect(way.dsn()) as connection,
    ):
        assert connection.execute("SELECT 1").fetchone() == (1,)
