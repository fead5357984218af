"""A restore takes no more memory for a large file than for a small one."""

from pathlib import Path

import pytest

from tests.parts.archives import archiving
from tests.parts.inside import Inside
from tests.work.test_cascade_archived_memory import Conn, peak_kb

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
