"""Erasures and orphans over a network that loses COMMITs: each row counts once."""

from collections.abc import Generator

import psycopg
import pytest

from tests.jobs import test_cleanup_opt_outs as opt_outs
from tests.jobs import test_cleanup_orphans as orphans
from tests.parts.beside import count
from tests.parts.faults import Moment
from tests.parts.inside import Inside
from tests.parts.proxy import Proxy, proxy
from tests.parts.server import Server

Conn = psycopg.Connection[tuple[object, ...]]
BATCH = b"DO $maint$"
moments = pytest.mark.parametrize("moment", ["before", "after"])


@pytest.fixture
def network(server: Server) -> Generator[Proxy]:
    """A proxy in front of the session's server."""
    with proxy(server) as made:
        yield made


@moments
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_user_whose_batch_was_cut_off_is_erased_and_counted_once(
    inside: Inside, conn: Conn, network: Proxy, moment: Moment, nth: int
) -> None:
    """Stamp, certificate, report and ledger agree, whichever user's COMMIT was lost."""
    opt_outs.fill(conn)
    cut = network.cut_at(BATCH, moment, nth=nth)
    url = network.dsn(conn.info.dbname)
    found = inside(opt_outs.JOB, "--json", "--batch-target", "5s", env={"DATABASE_URL": url})
    assert cut.done
    assert (found.code, found.json["erased_count"]) == (0, 3), found.err
    assert any("connection was lost" in line for line in found.json["warnings"])
    assert found.json["deleted_count"] == 21
    assert found.json["tables"] == {t: 3 * n for t, n in opt_outs.WHOLE.items()}
    certificates = sorted(opt_outs.certificates(conn))
    assert certificates == [(str(i), True, opt_outs.WHOLE) for i in (1, 2, 3)]
    assert count(conn, "job_runs", "deleted_count = 21 AND outcome = 'success'") == 1


@moments
def test_orphans_whose_batch_was_cut_off_are_counted_once(
    inside: Inside, conn: Conn, network: Proxy, moment: Moment
) -> None:
    """Report and ledger agree."""
    orphans.fill(conn)
    cut = network.cut_at(BATCH, moment, nth=1)
    url = network.dsn(conn.info.dbname)
    found = inside(orphans.JOB, "--json", env={"DATABASE_URL": url})
    assert cut.done
    assert (found.code, found.json["deleted_count"]) == (0, 20), found.err
    assert found.json["tables"] == {"public.stored_files": 20}
    assert count(conn, "stored_files", orphans.ORPHANS) == 0
    where = "deleted_count = 20 AND outcome = 'success'"
    assert count(conn, "job_runs", where) == 1
