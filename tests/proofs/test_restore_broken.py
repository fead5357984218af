"""Proof: a restore that is killed or cut off loses no row and doubles none; the next one ends it."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.engines.restore.test_restore import contents
from tests.parts.archives import Archiving, Conn, archiving
from tests.parts.cli import Maint
from tests.parts.faults import Moment
from tests.parts.proxy import Proxy, proxy
from tests.parts.server import Server
from tests.parts.waiting import until
from tests.proofs.chaos import Chaos, Usual

TABLES = """
CREATE TABLE doc (id integer PRIMARY KEY, body text);
CREATE TABLE line (doc_id integer REFERENCES doc, text text);
INSERT INTO doc SELECT i, repeat('x', 50) FROM generate_series(1, 400) i;
INSERT INTO line SELECT 1 + i % 400, 'the same' FROM generate_series(1, 1600) i;
"""
FILES = 20
COMMIT = b"Q\0\0\0\x0bCOMMIT\0"  # a message of its own: the end of a file, and no other


@pytest.fixture
def archive(conn: Conn, tmp_path: Path) -> Archiving:
    """Twenty files of rows with a key and of copies without one."""
    conn.execute(TABLES)
    made = archiving(conn, tmp_path / "archive", "doc")
    for n in range(FILES):
        which = f"BETWEEN {n * 20 + 1} AND {n * 20 + 20}"
        made.batch(("doc", f"id {which}"), ("line", f"doc_id {which}"))
    return made


@pytest.fixture
def network(server: Server) -> Generator[Proxy]:
    """A proxy in front of the session's server."""
    with proxy(server) as made:
        yield made


def whole(conn: Conn) -> None:
    """Fail unless every row is there, and no row twice."""
    assert conn.execute("SELECT count(*), count(DISTINCT id) FROM doc").fetchone() == (400, 400)
    assert conn.execute(
        "SELECT min(n), max(n), count(*) FROM (SELECT count(*) n FROM line GROUP BY doc_id) x"
    ).fetchone() == (4, 4, 400)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_restore_cut_off_at_any_commit_puts_each_row_back_once(
    archive: Archiving,
    conn: Conn,
    maint: Maint,
    network: Proxy,
    chaos: Chaos,
    moment: Moment,
) -> None:
    """The restore goes on by itself and counts each row once, whether the lost COMMIT counted or
    not.
    """
    dsn = network.dsn(conn.info.dbname)
    for nth in chaos.pick(chaos.times(4, FILES), FILES):
        conn.execute("TRUNCATE doc, line; UPDATE job_archives SET restored = '{}'")
        conn.execute("DELETE FROM job_heartbeats; DELETE FROM job_runs WHERE job = 'restore'")
        cut = network.cut_at(COMMIT, moment, nth=nth)
        found = maint("restore", archive.run_id, "--json", env={"DATABASE_URL": dsn})
        assert (found.code, cut.done) == (0, True), found.err
        said = found.json
        assert (said["restored_count"], said["existing_count"]) == (2000, 0), (nth, said)
        assert conn.execute(
            "SELECT updated_count FROM job_runs WHERE job = 'restore'"
        ).fetchone() == (2000,)
        chaos.met["cuts"] += 1
        whole(conn)


def test_a_killed_restore_is_ended_by_the_next_one(
    archive: Archiving, conn: Conn, maint: Maint, db: str, chaos: Chaos
) -> None:
    """After SIGKILL whole files are back, and the next restore brings the others."""
    env = {"DATABASE_URL": db}
    usual = Usual(1.5, FILES)
    for strike in chaos.strikes(chaos.times(4, 60), usual):
        conn.execute("TRUNCATE doc, line; UPDATE job_archives SET restored = '{}'")
        conn.execute("DELETE FROM job_heartbeats; DELETE FROM job_runs WHERE job = 'restore'")
        process = maint.start("restore", archive.run_id, "--json", env=env)
        strike.wait(process, lambda: _batches(conn))
        process.kill()
        process.communicate()
        until(lambda: _ours(conn) == 0, "no connection of maint is left")
        back = len(contents(conn, "doc")[0])
        assert back % 20 == 0
        chaos.met["in mid-run" if 0 < back < 400 else "before or after"] += 1
        conn.execute("UPDATE job_heartbeats SET lease_expires_at = now()")
        found = maint("restore", archive.run_id, "--json", env=env)
        assert (found.code, found.json["restored_count"]) == (0, (400 - back) * 5), found.err
        whole(conn)
    chaos.must_have_met("in mid-run")


def _batches(conn: Conn) -> int:
    row = conn.execute("SELECT coalesce(sum(batches), 0) FROM job_runs WHERE job = 'restore'")
    return int(row.fetchone()[0])


def _ours(conn: Conn) -> int:
    row = conn.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'maint/%'"
        " AND datname = current_database()"
    )
    return int(row.fetchone()[0])
