"""Rows that a trigger or a constraint keeps: they alone stay, and are named."""

import psycopg
import pytest

from tests.parts.family import Family, child
from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[object, ...]]

OBJECT = """CREATE FUNCTION object() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF old.id %% {every} = 0 THEN RAISE EXCEPTION 'on legal hold'; END IF; RETURN old; END $$"""
TRIGGER = "CREATE TRIGGER hold BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION object()"


@pytest.fixture(params=[True, False], ids=["final", "not final"])
def family(request: pytest.FixtureRequest, conn: Conn, inside: Inside) -> Family:
    """Tables that refer to each other, swept in both ways."""
    return Family(conn, inside, final=bool(request.param))


def hold(family: Family, every: int, table: str = "roots") -> None:
    """Let a trigger forbid the removal of each so manieth row."""
    family.do(OBJECT.format(every=every).replace("%%", "%"), TRIGGER.format(table=table))


@pytest.mark.parametrize("plan", ["heap", "index"])
def test_a_row_that_raises_stays_alone(family: Family, plan: str) -> None:
    """All others go; the row is counted and named, and the exit code is 3."""
    family.make("CREATE INDEX ON roots (seen)")
    family.roots(old=1_000, young=100 if plan == "heap" else 60_000)
    hold(family, every=700)
    result = family.sweep()
    found = result.json
    assert (result.code, found["plan"]) == (3, plan), result.err
    assert (found["deleted_count"], found["failed_count"], found["backlog"]) == (999, 1, 1)
    assert family.ledger() == 999
    assert family.conn.execute("SELECT id FROM roots WHERE id <= 1000").fetchall() == [(700,)]
    assert "id = 700: on legal hold (P0001)" in found["message"]
    assert "public.roots" in found["message"]


@pytest.mark.parametrize("archived", [False, True])
def test_rows_below_that_raise_keep_their_root(
    family: Family, tmp_path: object, *, archived: bool
) -> None:
    """A root goes with all that is below it, or stays with all of it."""
    family.make(child("a"))
    family.roots(old=300, young=10)
    family.do("INSERT INTO a SELECT i, i % 310 + 1 FROM generate_series(1, 3000) i")
    hold(family, every=1_000, table="a")
    result = family.sweep(*(["--archive", f"{tmp_path}/kept"] if archived else []))
    found = result.json
    assert result.code == 3, result.err
    kept = [(number % 310 + 1,) for number in (1_000, 2_000, 3_000)]
    assert family.conn.execute(
        "SELECT id FROM roots WHERE id <= 300 ORDER BY id"
    ).fetchall() == sorted(kept)
    assert (found["failed_count"], found["deleted_count"]) == (3, 297)
    assert family.count("a", "up IN (SELECT id FROM roots WHERE id <= 300)") == sum(
        (i % 310 + 1,) in kept for i in range(1, 3001)
    )
    assert found["tables"]["public.a"] == 3_000 - family.count("a")


def test_a_reference_that_cannot_be_taken(family: Family) -> None:
    """SET NULL on a column that is NOT NULL keeps the rows that are referred to."""
    family.make(
        "CREATE TABLE a (id int PRIMARY KEY, up int NOT NULL REFERENCES roots ON DELETE SET NULL)"
    )
    family.roots(old=500)
    family.do("INSERT INTO a SELECT i, i * 100 FROM generate_series(1, 5) i")
    result = family.sweep()
    assert (result.code, result.json["failed_count"], family.count("roots")) == (3, 5, 5)
    assert "(23502)" in result.json["message"]


def test_a_constraint_that_objects_at_commit(family: Family) -> None:
    """A deferred trigger, asked only at COMMIT, keeps its rows all the same."""
    family.make()
    family.roots(old=500)
    family.do(
        OBJECT.format(every=100).replace("%%", "%"),
        "CREATE CONSTRAINT TRIGGER late AFTER DELETE ON roots DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION object()",
    )
    result = family.sweep()
    assert (result.code, result.json["failed_count"], family.count("roots")) == (3, 5, 5)


def test_all_rows_that_raise(family: Family) -> None:
    """Each row is tried by itself, and no more often than a few times."""
    family.make("CREATE SEQUENCE tries")
    family.roots(old=2_000)
    family.do(
        "CREATE FUNCTION object() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " PERFORM nextval('tries'); RAISE EXCEPTION 'no'; END $$",
        TRIGGER.format(table="roots"),
    )
    result = family.sweep()
    assert (result.code, result.json["failed_count"], family.count("roots")) == (3, 2_000, 2_000)
    assert family.count("tries", "last_value < 3 * 2000") == 1


def test_rows_too_slow_for_a_batch_go_one_by_one(family: Family) -> None:
    """A batch can be smaller than a block: here one that deletes a second row is cancelled."""
    family.make()
    family.roots(old=20)
    family.do(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF current_setting('test.row', true) = txid_current()::text THEN"
        "   RAISE EXCEPTION 'too slow' USING ERRCODE = 'query_canceled'; END IF;"
        " PERFORM set_config('test.row', txid_current()::text, true);"
        " PERFORM pg_sleep(0.02); RETURN old; END $$",
        "CREATE TRIGGER slow BEFORE DELETE ON roots FOR EACH ROW EXECUTE FUNCTION slow()",
    )
    result = family.sweep()
    assert (result.code, result.json["deleted_count"], family.count("roots")) == (0, 20, 0), (
        result.err
    )


def test_a_row_that_a_trigger_waits_for(family: Family, db: str) -> None:
    """Rows whose trigger waits for another's lock are left and counted; the others go."""
    family.make("CREATE TABLE owners (id int PRIMARY KEY, rows int)")
    family.roots(old=200)
    family.do(
        "INSERT INTO owners VALUES (0, 0), (1, 0)",
        "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " UPDATE owners SET rows = rows - 1 WHERE id = (old.id = 150)::int; RETURN old; END $$",
        "CREATE TRIGGER tell AFTER DELETE ON roots FOR EACH ROW EXECUTE FUNCTION tell()",
    )
    with psycopg.connect(db) as other:
        other.execute("SELECT FROM owners WHERE id = 1 FOR UPDATE")
        result = family.sweep()
    assert (result.code, result.json["locked_count"]) == (0, 1), result.err
    assert family.conn.execute("SELECT id FROM roots").fetchall() == [(150,)]
    assert family.count("owners", "(id, rows) IN ((0, -199), (1, 0))") == 2
