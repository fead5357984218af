"""A statement that writes takes effect once, whatever the network does."""

import threading
from collections.abc import Generator
from pathlib import Path
from unittest import mock

import psycopg
import pytest

from maintcli import registry
from tests.parts.faults import Moment
from tests.parts.inside import Inside
from tests.parts.proxy import Proxy, proxy
from tests.parts.server import Server
from tests.parts.waiting import until

Conn = psycopg.Connection[tuple[object, ...]]

JOB = '''\
"""maint add-points: a statement that must not be repeated, twice."""

from dataclasses import dataclass

from maintcli.api import Run, job


@dataclass(frozen=True)
class Added:
    rows: list[int]


@job(schedule=None, group="Sessions")
def add_points(run: Run) -> Added:
    """Add points."""
    query = "UPDATE accounts SET points = points + %s"
    return Added([run.change(query, [n]) for n in (1, 10)])
'''
ENTRY = registry.Entry("add_points:add_points", "Add points.", "Sessions")
BATCH = b"DO $maint$"
cuts = pytest.mark.parametrize(
    ("moment", "nth"), [("before", 1), ("after", 1), ("before", 2), ("after", 2)]
)


@pytest.fixture
def network(server: Server) -> Generator[Proxy]:
    """A proxy in front of the session's server."""
    with proxy(server) as made:
        yield made


@pytest.fixture
def accounts(
    inside: Inside, conn: Conn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Generator[Inside]:
    """The job, and three accounts without points."""
    (tmp_path / "add_points.py").write_text(JOB)
    monkeypatch.syspath_prepend(tmp_path)
    conn.execute("CREATE TABLE accounts AS SELECT 0 AS points FROM generate_series(1, 3)")
    with mock.patch.dict(registry.JOBS, {"add-points": ENTRY}):
        yield inside


def points(conn: Conn) -> list[int]:
    """What the accounts hold."""
    return [int(str(number)) for (number,) in conn.execute("SELECT points FROM accounts")]


def test_it_counts_in_the_ledger(accounts: Inside, conn: Conn) -> None:
    """Its rows, and a batch for each."""
    found = accounts("add-points", "--json")
    assert (found.code, found.json["rows"], found.json["updated_count"]) == (0, [3, 3], 6), (
        found.err
    )
    assert points(conn) == [11, 11, 11]
    assert conn.execute("SELECT updated_count, batches FROM job_runs").fetchone() == (6, 2)


@cuts
def test_a_cut_connection_neither_repeats_nor_loses_it(
    accounts: Inside, conn: Conn, network: Proxy, moment: Moment, nth: int
) -> None:
    """Whether the lost COMMIT counted is the ledger's to say; the row count is right either way."""
    cut = network.cut_at(BATCH, moment, nth=nth)
    url = {"DATABASE_URL": network.dsn(conn.info.dbname)}
    found = accounts("add-points", "--json", env=url)
    assert (found.code, cut.done, found.json["rows"]) == (0, True, [3, 3]), found.err
    assert points(conn) == [11, 11, 11]
    assert conn.execute("SELECT updated_count, batches FROM job_runs").fetchone() == (6, 2)


@cuts
def test_without_a_ledger_it_is_not_sent_again(
    accounts: Inside, conn: Conn, network: Proxy, moment: Moment, nth: int
) -> None:
    """Nobody could know whether it counted: 69, and at most what was sent once."""
    network.cut_at(BATCH, moment, nth=nth)
    url = {"DATABASE_URL": network.dsn(conn.info.dbname)}
    assert accounts("add-points", "--no-ledger", env=url).code == 69
    sent = {("before", 1): 0, ("after", 1): 1, ("before", 2): 1, ("after", 2): 11}
    assert points(conn) == [sent[moment, nth]] * 3


@pytest.mark.usefixtures("patient")
def test_a_lost_try_that_commits_late_is_not_repeated(
    accounts: Inside, conn: Conn, db: str
) -> None:
    """The server was still at work on it when the second try began: the second is rolled back."""
    with psycopg.connect(db) as lost:
        lost.execute("UPDATE accounts SET points = points + 1")
        holder = lost.info.backend_pid

        def commit_once_waited_for() -> None:
            query = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
            until(lambda: conn.execute(query, [holder]).fetchone() != (0,), "the second try waits")
            lost.execute("UPDATE job_runs SET batches = 1, updated_count = 3")
            lost.commit()

        thread = threading.Thread(target=commit_once_waited_for)
        thread.start()
        found = accounts("add-points", "--json")
        thread.join()
    assert (found.code, found.json["rows"], found.json["updated_count"]) == (0, [3, 3], 6), (
        found.err
    )
    assert points(conn) == [11, 11, 11]
