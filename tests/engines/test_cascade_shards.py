"""Parts of a whole over foreign keys: guards see all of the table, and a dry run its own part."""

import psycopg
import pytest

from maintcli.engines.base.stripes import STRIPE_BLOCKS, share
from maintcli.runtime.shard import Shard
from tests.parts.family import Family, child
from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[object, ...]]
ROWS = 40_000


@pytest.fixture
def family(conn: Conn, inside: Inside) -> Family:
    """Tables that refer to each other."""
    return Family(conn, inside)


def wide(family: Family, *more: str) -> None:
    """40,000 roots in over four stripes, two in five of them stale."""
    family.make(
        "ALTER TABLE roots ADD COLUMN pad text NOT NULL DEFAULT repeat('x', 64)",
        "ALTER TABLE roots SET (fillfactor = 10)",
        *more,
    )
    family.do(
        f"INSERT INTO roots SELECT i, CASE WHEN i % 5 < 2 THEN {family.old} ELSE now() END"
        f" FROM generate_series(1, {ROWS}) i"
    )
    assert family.count("generate_series(1, pg_relation_size('roots') / 8192)") > 4 * STRIPE_BLOCKS


@pytest.mark.parametrize(
    ("limit", "code", "said"),
    [
        (("--max-percent", "39"), 65, "public.roots has"),
        (("--max-percent", "50"), 65, "public.gc has 18,000 rows"),
        (("--max-percent", "91"), 0, ""),
        (("--max-rows", "15999"), 65, "34,000 rows would go"),
        (("--max-rows", "33999"), 65, "34,000 rows would go"),
        (("--max-rows", "34000"), 0, ""),
        (("--max-rows", "100", "--yes-really", "33999"), 65, "34,000 rows would go"),
        (("--max-rows", "100", "--yes-really", "34000"), 0, ""),
    ],
)
def test_a_part_is_refused_exactly_when_the_whole_is(
    family: Family, *, limit: tuple[str, ...], code: int, said: str
) -> None:
    """Of the roots 40 % are stale, of the 20,000 rows below 90 % go with them: a part has less."""
    wide(family, child("gc"))
    family.do(
        "INSERT INTO gc SELECT i, 5 * (i % 8000) + CASE WHEN i % 10 = 0 THEN 3 ELSE 1 END"
        " FROM generate_series(1, 20000) i"
    )
    whole = family.sweep(*limit, "--dry-run")
    assert (whole.code, said in whole.err) == (code, True), whole.err
    for part in range(4):
        found = family.sweep(*limit, "--dry-run", "--shard", f"{part}/4")
        assert found.code == code, found.err
        assert said in found.err
    if code:
        found = family.sweep(*limit, "--shard", "3/4")
        assert (found.code, said in found.err) == (code, True), found.err
        assert (family.count("roots"), family.count("gc")) == (ROWS, 20_000)


def run_dry_and_really(family: Family, part: int, parts: int) -> list[int]:
    """Run one part, dry and then really: the same of both; how many rows of each kind."""
    dry = family.sweep("--shard", f"{part}/{parts}", "--dry-run").json
    real = family.sweep("--shard", f"{part}/{parts}", "--share", "100").json
    kinds = ("deleted_count", "cascaded_count", "unlinked_count", "blocked_count")
    figures = [{name: one[name] for name in kinds} for one in (dry, real)]
    assert figures[0] == figures[1]
    tables = [{table: rows for table, rows in one["tables"].items() if rows} for one in (dry, real)]
    assert tables[0] == tables[1]
    return list(figures[1].values())


def turned(family: Family, parts: int) -> bool:
    """Whether the first stripe of some relation that is swept is not the first part's."""
    rows = family.conn.execute(
        "SELECT oid::int8 FROM pg_class WHERE relname LIKE 'roots%' AND relkind = 'r'"
    ).fetchall()
    return any(not share(Shard(0, parts), int(str(oid))).has(0) for (oid,) in rows)


def remake(family: Family, *statements: str) -> None:
    """The family, made until a part's stripes are not what its number alone would say."""
    for _ in range(20):
        family.do("DROP TABLE IF EXISTS roots CASCADE", "DROP TABLE IF EXISTS gc, n CASCADE")
        wide(family, *statements)
        if turned(family, 3):
            return
    raise AssertionError("the numbers of relations are not spread")


def test_a_part_s_dry_run_is_what_it_does(family: Family) -> None:
    """Its own roots, and what goes with those or loses its reference; not only all together."""
    remake(family, child("gc"), child("n", action="SET NULL"))
    family.do(
        "INSERT INTO gc SELECT i, i FROM generate_series(1, 30000) i",
        "INSERT INTO n SELECT i, i * 3 FROM generate_series(1, 9000) i",
    )
    found = [run_dry_and_really(family, part, 3) for part in range(3)]
    assert [sum(kind) for kind in zip(*found, strict=True)] == [16_000, 12_000, 3_600, 0]
    assert min(deleted for deleted, *_ in found) > 0
    assert len({tuple(part) for part in found}) == 3


def test_a_part_s_dry_run_over_partitions(family: Family) -> None:
    """Each partition begins with another part."""
    family.do(
        "CREATE TABLE roots (id int PRIMARY KEY, seen timestamptz NOT NULL) PARTITION BY HASH (id)",
        *(
            f"CREATE TABLE roots_{n} PARTITION OF roots FOR VALUES WITH (MODULUS 8, REMAINDER {n})"
            for n in range(8)
        ),
        child("gc"),
    )
    assert turned(family, 3)
    family.roots(old=4_000, young=100)
    family.do("INSERT INTO gc SELECT i, i FROM generate_series(1, 2000) i")
    found = [run_dry_and_really(family, part, 3) for part in range(3)]
    assert [sum(kind) for kind in zip(*found, strict=True)] == [4_000, 2_000, 0, 0]


@pytest.mark.parametrize("action", ["CASCADE", "NO ACTION"])
def test_a_part_s_dry_run_where_roots_refer_to_roots(family: Family, action: str) -> None:
    """A stale row of another part goes along as one below, or keeps what it refers to."""
    remake(family, f"ALTER TABLE roots ADD COLUMN up int REFERENCES roots ON DELETE {action}")
    family.do(
        # The last stripe to the first, and the other way round: whichever part is the first meets one.
        f"UPDATE roots SET up = {ROWS} - id + 1 WHERE id % 5 < 2"
        f" AND (id > {ROWS} - 2000 OR id BETWEEN 2001 AND 4000)",
        "CREATE INDEX ON roots (up)",
        "VACUUM FULL roots",
    )
    found = [run_dry_and_really(family, part, 3) for part in range(3)]
    deleted, blocked = sum(part[0] for part in found), sum(part[3] for part in found)
    assert deleted + (family.count("roots") - 24_000) == 16_000
    assert (blocked > 0) == (action == "NO ACTION")
