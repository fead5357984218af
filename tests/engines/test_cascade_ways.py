"""Both plans, shards, budgets and broken connections where rows refer to the swept ones."""

import psycopg
import pytest

from maintcli.engines.base.pacing import Pace
from maintcli.engines.sweep import task
from maintcli.engines.windows import blocks, values
from tests.parts.family import Family, child
from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[object, ...]]

SPARSE = "ALTER TABLE roots SET (fillfactor = 10)"


@pytest.fixture(params=[True, False], ids=["final", "not final"])
def family(request: pytest.FixtureRequest, conn: Conn, inside: Inside) -> Family:
    """Tables that refer to each other, swept in both ways."""
    return Family(conn, inside, final=bool(request.param))


def among_many(family: Family) -> None:
    """1,000 stale roots among 80,000, many of one age, with children; some are blocked."""
    family.make(child("a"), child("k", "a", "RESTRICT"), "CREATE INDEX ON roots (seen)")
    family.do(
        "INSERT INTO roots SELECT i, CASE WHEN i % 80 <> 0 THEN now() WHEN i % 3 = 0"
        f" THEN {family.old} ELSE {family.old} - i * interval '1 s' END FROM generate_series(1, 80000) i",
        "INSERT INTO a SELECT i, i FROM generate_series(1, 80000) i",
        "INSERT INTO a SELECT i, 160 FROM generate_series(80001, 86000) i",
        "INSERT INTO k SELECT i, 800 * i FROM generate_series(1, 20) i",
    )


def test_along_an_index(family: Family) -> None:
    """Few stale rows: windows along the index, ties, blocked rows, and one root with many children."""
    among_many(family)
    result = family.sweep()
    found = result.json
    assert (result.code, found["plan"]) == (3, "index"), result.err
    assert (found["deleted_count"], found["blocked_count"]) == (980, 20)
    assert found["tables"] == {"public.roots": 980, "public.a": 6_980}
    assert family.count("roots", "seen < now() - interval '1 day'") == 20
    assert family.sweep("--dry-run").json["deleted_count"] == 0


def test_along_an_index_with_a_locked_row(family: Family, db: str) -> None:
    """A root that stays locked is passed by, tried again, and counted once."""
    among_many(family)
    with psycopg.connect(db) as other:
        other.execute("SELECT FROM a WHERE up = 240 FOR UPDATE")
        found = family.sweep().json
    assert (found["plan"], found["locked_count"], found["deleted_count"]) == ("index", 1, 979)
    assert family.count("a", "up = 240") == 1


def test_many_rows_of_one_age_along_an_index(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More rows of one value than a list holds are still one window, taken list by list."""
    monkeypatch.setattr(values, "MOST", 100)
    family.make(child("a"), "CREATE INDEX ON roots (seen)")
    family.do(
        "INSERT INTO roots SELECT i, CASE WHEN i % 80 = 0 THEN '2020-01-01' ELSE now() END"
        " FROM generate_series(1, 80000) i",
        "INSERT INTO a SELECT i, i FROM generate_series(1, 80000, 20) i",
        "INSERT INTO a SELECT -i, i FROM generate_series(80, 80000, 80) i",
    )
    result = family.sweep()
    found = result.json
    assert (result.code, found["plan"]) == (0, "index"), result.err
    assert found["tables"] == {"public.roots": 1_000, "public.a": 1_000}


def test_lists_shorter_than_a_window_of_blocks(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same along the heap."""
    monkeypatch.setattr(blocks, "MOST", 7)
    family.make(child("a"))
    family.roots(old=2_000, young=100)
    family.do("INSERT INTO a SELECT i, i FROM generate_series(1, 2100) i")
    assert family.sweep().json["tables"] == {"public.roots": 2_000, "public.a": 2_000}


def test_shards_share_out_the_roots(family: Family) -> None:
    """Each root goes in the part that its block belongs to; nothing is left, nothing counted twice."""
    family.make(child("a"), SPARSE)
    family.roots(old=40_000)
    family.do("INSERT INTO a SELECT i, i * 10 FROM generate_series(1, 4000) i")
    parts = [family.sweep("--shard", f"{n}/2", "--share", "100").json for n in range(2)]
    assert all(part["deleted_count"] for part in parts)
    assert sum(part["deleted_count"] for part in parts) == family.ledger() == 40_000
    assert sum(part["cascaded_count"] for part in parts) == 4_000


def test_a_limit_is_kept_to_the_row(family: Family) -> None:
    """--limit counts roots; what is below them goes along."""
    family.make(child("a"))
    family.roots(old=500)
    family.do("INSERT INTO a SELECT i, i % 500 + 1 FROM generate_series(1, 1000) i")
    found = family.sweep("--limit", "77").json
    assert (found["deleted_count"], found["cascaded_count"]) == (77, 154)
    assert family.count("roots") == 423


def test_removed_rows_are_named(conn: Conn, inside: Inside) -> None:
    """As in any sweep: the first twenty, and how many more."""
    conn.execute("CREATE TABLE notes (session text REFERENCES active_sessions ON DELETE CASCADE)")
    conn.execute(
        "INSERT INTO active_sessions (session_id, access_key, last_heartbeat)"
        " SELECT 's' || i, 'key-' || i, now() - interval '1 h' FROM generate_series(1, 50) i"
    )
    conn.execute("INSERT INTO notes SELECT session_id FROM active_sessions")
    result = inside("cleanup-sessions")
    assert result.code == 0, result.err
    lines = result.err.splitlines()
    assert len([line for line in lines if "removed key-" in line]) == 20
    assert any(line.endswith("and 30 more") for line in lines)
    assert conn.execute("SELECT count(*) FROM notes").fetchone() == (0,)


def test_a_condition_that_looks_into_another_table(family: Family) -> None:
    """PostgreSQL may then find rows in any order; those that lie before others are not passed by."""
    family.make(child("a"), "CREATE TABLE gone (id int NOT NULL)", "CREATE INDEX ON gone (id)")
    family.do(
        f"INSERT INTO roots SELECT i, {family.old} FROM generate_series(3000, 1, -1) i",
        "INSERT INTO a SELECT i, i FROM generate_series(1, 3000) i",
        "INSERT INTO gone SELECT i FROM generate_series(1, 2999) i",
        "ANALYZE roots, a, gone",
    )
    condition = "id IN (SELECT gone.id FROM gone GROUP BY gone.id)"
    found = family.sweep(also=condition)
    assert (found.code, found.json["deleted_count"]) == (0, 2_999), found.err
    assert family.count("roots") == family.count("a") == 1


def test_a_blocked_row_beside_a_locked_one_is_counted_once(family: Family, db: str) -> None:
    """Both stay in one batch, whose rows are looked at again at the end."""
    family.make(child("k", action="RESTRICT"))
    family.roots(old=20)
    family.do("INSERT INTO k VALUES (1, 3)")
    with psycopg.connect(db) as other:
        other.execute("SELECT FROM roots WHERE id = 5 FOR UPDATE")
        found = family.sweep("--batch-target", "5s")
    assert (found.code, found.json["deleted_count"]) == (3, 18), found.err
    assert (found.json["blocked_count"], found.json["locked_count"]) == (1, 1)
    assert found.json["message"].startswith("1 row of public.roots cannot be deleted")


@pytest.mark.parametrize("index", [False, True], ids=["heap", "index"])
def test_rows_locked_in_many_batches_are_counted_once(
    family: Family, db: str, monkeypatch: pytest.MonkeyPatch, *, index: bool
) -> None:
    """A second try looks at what its own batch passed, and at nothing of the batch behind it."""
    monkeypatch.setattr(task, "INDEX_BELOW", 1.1 if index else 0)
    monkeypatch.setattr(task, "_SMALL_BLOCKS", 0)
    none = property(lambda _pace: 0.0, lambda _pace, _budget: None)
    monkeypatch.setattr(Pace, "budget_ms", none, raising=False)  # so that a batch is one group
    family.make(
        child("a"), child("k", action="RESTRICT"), "CREATE INDEX ON roots (seen, id)", SPARSE
    )
    family.do(
        f"INSERT INTO roots SELECT i, {family.old} - i / 8 * interval '1 s'"
        " FROM generate_series(1, 60) i",
        "INSERT INTO a SELECT i, i FROM generate_series(1, 60, 10) i",
        "INSERT INTO k SELECT i, i FROM generate_series(2, 60, 12) i",
    )
    with psycopg.connect(db) as other:
        other.execute("SELECT FROM a FOR UPDATE")
        found = family.sweep("--share", "100").json
    assert found["plan"] == ("index" if index else "heap")
    assert (found["locked_count"], found["blocked_count"]) == (6, 5)
    assert found["deleted_count"] == family.ledger() == 49


def test_a_locked_row_among_many_of_one_age_is_counted_once(
    family: Family, db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many rows of one value are swept by blocks; the way along the index passes over them."""
    monkeypatch.setattr(task, "INDEX_BELOW", 1.1)
    monkeypatch.setattr(task, "_SMALL_BLOCKS", 0)
    family.make("CREATE INDEX ON roots (seen)")
    family.do("INSERT INTO roots SELECT i, '2020-01-01' FROM generate_series(1, 3000) i")
    with psycopg.connect(db) as other:
        other.execute("SELECT FROM roots WHERE id = 5 FOR UPDATE")
        found = family.sweep().json
    assert (found["plan"], found["locked_count"], found["deleted_count"]) == ("index", 1, 2_999)


@pytest.mark.parametrize("value", ["on", "off"])
def test_a_batch_keeps_the_role_s_choice_of_plans(family: Family, value: str) -> None:
    """Only the list of rows forces a plan: what goes with them is planned as the role has it."""
    family.make(
        child("a"),
        "CREATE TABLE noted (value text)",
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN"
        " INSERT INTO public.noted SELECT pg_catalog.current_setting(''enable_seqscan'');"
        " RETURN OLD; END'",
        "CREATE TRIGGER note BEFORE DELETE ON a FOR EACH ROW EXECUTE FUNCTION note()",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET enable_seqscan = "
        f"{value}', current_database()); END $$",
    )
    family.roots(old=3)
    family.do("INSERT INTO a SELECT i, i FROM generate_series(1, 3) i")
    found = family.sweep()
    assert (found.code, found.json["tables"]) == (0, {"public.roots": 3, "public.a": 3}), found.err
    assert family.count("noted", f"value = '{value}'") == family.count("noted") == 3
