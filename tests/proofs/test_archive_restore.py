"""Proof: what a sweep removed is put back by a restore, to the last bit."""

from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from maintcli import registry
from maintcli.api import Run, Sweep, Swept, duration, job
from tests.parts.databases import database
from tests.parts.inside import Inside
from tests.parts.server import Server
from tests.proofs.chaos import FULL, SEED
from tests.proofs.schemas import TableMade, contents, create, tables

TARGET = f"{__name__}:sweep_t0"


@job(schedule=None, group="Sessions", engine=Sweep())
def sweep_t0(run: Run) -> Swept:
    """Sweep the first table."""
    return run.sweep("t0", where="{stale_at} < {cutoff}", by="stale_at", older_than=duration("30d"))


@pytest.fixture
def swept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The job is known in this process."""
    entry = registry.Entry(TARGET, "Sweep the first table.", "Sessions")
    monkeypatch.setitem(registry.JOBS, "sweep-t0", entry)


@pytest.mark.usefixtures("swept")
@seed(SEED)
@settings(
    max_examples=400 if FULL else 12,
    deadline=None,
    database=None,
    phases=tuple(Phase) if FULL else (Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(made=tables())
def test_archive_and_restore_leave_the_tables_as_they_were(
    made: list[TableMade], server: Server, template: str, tmp_path: Path
) -> None:
    """Over schemas and values by chance; a second restore finds every row there."""
    with database(server, template=template) as name:
        inside = Inside(tmp_path, {"DATABASE_URL": server.dsn(name)})
        with psycopg.connect(server.dsn(name), autocommit=True) as conn:
            create(conn, made)
            before = contents(conn, made)
            found = inside("sweep-t0", "--archive", str(tmp_path / "archive"), "--json")
            assert found.code in {0, 3}, found.err
            gone = count(before) - count(contents(conn, made))
            for restored in (gone, 0):
                back = inside("restore", found.json["run_id"], "--json")
                if back.code == 78:
                    assert gone == 0, back.err
                    continue
                assert (back.code, back.json["restored_count"]) == (0, restored), back.err
                assert contents(conn, made) == before


def count(found: list[list[tuple]]) -> int:
    """The rows of all tables together."""
    return sum(len(rows) for rows in found)
