"""--archive into a place that is full before the sweep is through."""

from pathlib import Path

import pytest

from tests.parts.archives import Conn
from tests.parts.cli import Maint

LIMIT = 300_000

MAKE = """
CREATE TABLE roots (id int PRIMARY KEY, seen timestamptz NOT NULL DEFAULT '2020-01-01', body text);
CREATE TABLE leaves (id int PRIMARY KEY, up int NOT NULL REFERENCES roots ON DELETE CASCADE, body text);
CREATE INDEX ON leaves (up);
CREATE FUNCTION noise(n int) RETURNS text LANGUAGE sql AS
    $$ SELECT string_agg(md5(random()::text), '') FROM generate_series(1, n / 32) $$;
INSERT INTO roots SELECT i FROM generate_series(1, 60) i;
"""

LONG_ROOTS = "UPDATE roots SET body = noise(40000) WHERE id > 30"
LONG_LEAVES = "INSERT INTO leaves SELECT i, 31 + i % 30, noise(40000) FROM generate_series(1, 60) i"

SUM = "SELECT count(*), md5(string_agg(t::text, ',' ORDER BY id)) FROM {} AS t"

CONFIG = """
[sweeps.sweep-roots]
table = "roots"
column = "seen"
keep = "1d"
final = {}
"""


def contents(conn: Conn) -> list[object]:
    """All rows of both tables, in short."""
    return [conn.execute(SUM.format(table)).fetchone() for table in ("roots", "leaves")]  # type: ignore[arg-type]


@pytest.mark.parametrize("final", ["true", "false"])
@pytest.mark.parametrize("long", [LONG_ROOTS, LONG_LEAVES], ids=["roots", "below"])
def test_a_full_disk_ends_the_run_with_nothing_lost(
    maint: Maint, conn: Conn, db: str, tmp_path: Path, final: str, long: str
) -> None:
    """78 and one sentence; the batch is rolled back, no half file stays, and all can be put back."""
    conn.execute(MAKE)
    conn.execute(long)  # type: ignore[arg-type]
    before = contents(conn)
    (maint.folder / "maint.toml").write_text(CONFIG.format(final))
    maint.env |= {"DATABASE_URL": db}
    sweep = ["sweep-roots", "--json", "--max-percent", "100", "--archive", str(tmp_path / "kept")]

    maint.file_bytes = LIMIT
    full = maint(*sweep)
    assert full.code == 78, full.err
    assert "kept is full: File too large" in full.json["message"]
    gone = full.json["deleted_count"] + full.json["cascaded_count"]
    assert 0 < gone == full.json["archived_count"] < 120
    assert conn.execute("SELECT count(*) FROM roots").fetchone() == (
        60 - full.json["deleted_count"],
    )
    assert not list((tmp_path / "kept").glob("*/.*"))
    assert conn.execute("SELECT outcome FROM job_runs").fetchall() == [("failed",)]
    assert conn.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%'"
        " AND datname = current_database()"
    ).fetchone() == (0,)

    maint.file_bytes = None
    again = maint(*sweep)
    assert again.code == 0, again.err
    assert contents(conn)[0] == (0, None)
    for run in (again, full):
        back = maint("restore", run.json["run_id"], "--json")
        assert back.code == 0, back.err
    assert contents(conn) == before
