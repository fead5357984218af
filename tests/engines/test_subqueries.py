"""Conditions that look into another table."""

import psycopg
import pytest

from tests.parts.family import Family, child
from tests.parts.inside import Inside
from tests.parts.waiting import until

Conn = psycopg.Connection[tuple[object, ...]]

UNLOGGED = "NOT EXISTS (SELECT FROM log WHERE log.root = roots.id)"


@pytest.fixture
def family(conn: Conn, inside: Inside) -> Family:
    """Tables of a test's own."""
    return Family(conn, inside)


@pytest.mark.parametrize("referred", [False, True])
@pytest.mark.parametrize("old", [40_000, 900])
def test_the_other_table_is_read_through_its_index(
    family: Family, old: int, *, referred: bool
) -> None:
    """The plan of the swept table alone is forced: no batch reads the other table as a whole."""
    family.make(
        "CREATE TABLE log (root int, word text)",
        *([child("a")] if referred else []),
        "ALTER TABLE roots ADD filler text DEFAULT repeat('x', 300)",
    )
    family.roots(old=old, young=40_000 - old + 100)
    family.do(
        "INSERT INTO log SELECT i FROM generate_series(1, 40000) i WHERE i % 3 <> 0",
        "CREATE INDEX ON log (root)",
        "CREATE INDEX ON roots (seen)",
        "ANALYZE",
        "SELECT pg_stat_reset()",
    )
    result = family.sweep(also=UNLOGGED)
    assert (result.code, result.json["deleted_count"]) == (0, old // 3), result.err
    assert family.count("roots", f"id <= {old} AND id % 3 = 0") == 0
    assert family.count("roots") == 40_100 - old // 3
    read = "SELECT seq_scan, idx_scan FROM pg_stat_user_tables WHERE relname = 'log'"
    until(lambda: family.conn.execute(read).fetchone()[1] >= old, "the statistics are told")  # type: ignore[index]
    scans = family.conn.execute(read).fetchone()
    assert scans is not None
    assert int(str(scans[0])) < 20


def test_a_condition_may_end_with_a_comment(family: Family) -> None:
    """What follows the condition in a statement of ours is on a line of its own."""
    family.make()
    family.roots(old=10)
    assert family.sweep(also="id > 5 -- the newer half").json["deleted_count"] == 5
