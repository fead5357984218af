"""Memory is bounded: by nothing but the largest value, and when it is restored not by that."""

from pathlib import Path

import pytest

from tests.engines.test_cascade_archived_memory import Conn, peak_kb
from tests.parts.archives import archiving
from tests.parts.inside import Inside

MOST_MORE_KB = 20_000
ROWS = 100_000

MAKE = """
CREATE TABLE many (id int PRIMARY KEY, body text);
INSERT INTO many SELECT i, repeat(md5(i::text), 7) FROM generate_series(1, {rows}) i
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="wants Linux's /proc")
@pytest.mark.parametrize("mode", [(), ("--dry-run",)], ids=["real", "dry run"])
def test_memory_is_flat(inside: Inside, conn: Conn, tmp_path: Path, mode: tuple[str, ...]) -> None:
    """One file of 100,000 rows, 23 MB unpacked, beside one of ten."""
    conn.execute(MAKE.format(rows=ROWS))  # type: ignore[arg-type]  a test's own text
    few = archiving(conn, tmp_path / "few", "many")
    few.batch(("many", "id <= 10"))
    usual = peak_kb(inside, "restore", few.run_id, *mode)
    many = archiving(conn, tmp_path / "many", "many")
    many.batch(("many", "true"))
    assert peak_kb(inside, "restore", many.run_id, *mode) < usual + MOST_MORE_KB
    assert conn.execute("SELECT count(*) FROM many").fetchone() == (0 if mode else ROWS,)


LONG = 20_000_000
SWEEP = """
[sweeps.old-large]
table = "large"
column = "seen"
keep = "1d"
final = true
"""
MAKE_LARGE = """
CREATE TABLE large (id int PRIMARY KEY, seen timestamptz NOT NULL, body {type});
INSERT INTO large SELECT i, '2020-01-01', {value} FROM generate_series(1, {rows}) i
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="wants Linux's /proc")
@pytest.mark.parametrize(
    ("kind", "value", "times"),
    [
        ("text", f"repeat(E'ab\\ncd', {LONG // 5})", 3),
        ("bytea", f"convert_to(repeat('a', {LONG}), 'UTF8')", 5),
    ],
)
def test_a_long_value_is_held_as_postgresql_sends_it(
    inside: Inside, conn: Conn, tmp_path: Path, kind: str, value: str, times: int
) -> None:
    """Twice, of bytea in hex, while it is archived; in pieces while it is restored."""
    (inside.folder / "maint.toml").write_text(SWEEP)
    run = ("old-large", "--max-percent", "100", "--archive", str(tmp_path / "kept"))
    conn.execute(MAKE_LARGE.format(type=kind, value="'a'", rows=2))  # type: ignore[arg-type]
    usual = peak_kb(inside, *run)
    conn.execute("DROP TABLE large")
    conn.execute(MAKE_LARGE.format(type=kind, value=value, rows=1))  # type: ignore[arg-type]
    rows = conn.execute("SELECT id, md5(body::text) FROM large ORDER BY id").fetchall()
    assert peak_kb(inside, *run) < usual + times * LONG / 1000
    assert conn.execute("SELECT count(*) FROM large").fetchone() == (0,)
    newest = conn.execute("SELECT run_id::text FROM job_runs ORDER BY started_at DESC").fetchone()
    assert newest is not None
    for mode in (("--dry-run",), ()):
        assert peak_kb(inside, "restore", str(newest[0]), *mode) < usual + MOST_MORE_KB
    assert conn.execute("SELECT id, md5(body::text) FROM large ORDER BY id").fetchall() == rows
