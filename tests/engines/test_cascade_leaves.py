"""Partitions of a table that refers: found through that table, each row counted and gone."""

from collections.abc import Generator, Iterable
from typing import Any

import psycopg
import pytest

from maintcli.engines.base import batch, retry
from maintcli.engines.foreign_keys import variables
from tests.parts.family import Family, child
from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[object, ...]]

REFERS = "up int REFERENCES roots ON DELETE CASCADE"
HASH = (
    f"CREATE TABLE a (id int, {REFERS}) PARTITION BY HASH (id)",
    *(
        f"CREATE TABLE a{n} PARTITION OF a FOR VALUES WITH (MODULUS 4, REMAINDER {n})"
        for n in range(4)
    ),
)
SHAPES: dict[str, Iterable[str]] = {
    "hash": HASH,
    "ranges of another column": (
        f"CREATE TABLE a (id int, {REFERS}) PARTITION BY RANGE (id)",
        "CREATE TABLE a1 PARTITION OF a FOR VALUES FROM (0) TO (100)",
        "CREATE TABLE a2 PARTITION OF a FOR VALUES FROM (100) TO (350)",
        'CREATE TABLE "A ""rest"", 100%" PARTITION OF a DEFAULT',
    ),
    "partitions of partitions": (
        f"CREATE TABLE a (id int, {REFERS}) PARTITION BY RANGE (id)",
        "CREATE TABLE a1 PARTITION OF a FOR VALUES FROM (0) TO (100)",
        "CREATE TABLE a2 PARTITION OF a DEFAULT PARTITION BY HASH (id)",
        "CREATE TABLE a20 PARTITION OF a2 FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
        "CREATE TABLE a21 PARTITION OF a2 FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
    ),
    "keys of leaves alone": (
        "CREATE TABLE a (id int, up int) PARTITION BY RANGE (id)",
        f"CREATE TABLE a1 (id int, {REFERS})",
        "ALTER TABLE a ATTACH PARTITION a1 FOR VALUES FROM (0) TO (100)",
        "CREATE TABLE a2 PARTITION OF a DEFAULT PARTITION BY HASH (id)",
        "CREATE TABLE a20 PARTITION OF a2 FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
        "ALTER TABLE a2 ADD FOREIGN KEY (up) REFERENCES roots ON DELETE CASCADE",
    ),
    "two keys": (
        f"CREATE TABLE a (id int, {REFERS}, also int) PARTITION BY HASH (id)",
        "ALTER TABLE a ADD FOREIGN KEY (also) REFERENCES roots ON DELETE CASCADE",
        "CREATE TABLE a0 PARTITION OF a FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
    ),
    "something below": (
        f"CREATE TABLE a (id int PRIMARY KEY, {REFERS}) PARTITION BY HASH (id)",
        "CREATE TABLE a0 PARTITION OF a FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
        "CREATE TABLE b (id int, up int REFERENCES a ON DELETE CASCADE)",
    ),
    "something above": (
        child("b"),
        "CREATE TABLE a (id int, up int REFERENCES b ON DELETE CASCADE) PARTITION BY HASH (id)",
        "CREATE TABLE a0 PARTITION OF a FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
        "CREATE TABLE a1 PARTITION OF a FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
        "INSERT INTO b SELECT i, i FROM roots, generate_series(id, id) i",
    ),
}


@pytest.fixture(params=[True, False], ids=["final", "not final"])
def family(request: pytest.FixtureRequest, conn: Conn, inside: Inside) -> Family:
    """Tables that refer to each other, swept in both ways."""
    return Family(conn, inside, final=bool(request.param))


def made(family: Family, shape: Iterable[str] = HASH) -> None:
    """50 old roots and 50 young ones with eight rows each in the partitioned `a`."""
    family.make()
    family.roots(old=50, young=50)
    family.do(*shape, "INSERT INTO a (id, up) SELECT i, i % 100 + 1 FROM generate_series(0, 799) i")


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The batches that are sent."""
    sent: list[str] = []
    message = batch.message

    def sending(context: Any, *arguments: Any, **named: Any) -> batch.Message:
        found = message(context, *arguments, **named)
        sent.append(found.body.as_string(context.session.connection))
        return found

    monkeypatch.setattr(retry, "message", sending)
    return sent


def test_730_partitions_take_no_more_statements_than_twelve(
    family: Family, messages: list[str]
) -> None:
    """A batch names the table, and so is as long as ever; all rows go."""
    statements: list[int] = []
    for number in (12, 730):
        family.do("DROP TABLE IF EXISTS roots, a")
        family.make(f"CREATE TABLE a (id int, {REFERS}) PARTITION BY HASH (id)")
        with family.conn.transaction():
            family.do(
                *(
                    f"CREATE TABLE a{n} PARTITION OF a"
                    f" FOR VALUES WITH (MODULUS {number}, REMAINDER {n})"
                    for n in range(number)
                )
            )
        family.roots(old=20, young=20)
        family.do("INSERT INTO a SELECT i, i % 40 + 1 FROM generate_series(1, 400) i")
        messages.clear()
        found = family.sweep()
        assert found.json["tables"] == {"public.roots": 20, "public.a": 200}, found.err
        assert family.count("a", "up > 20") == family.count("a") == 200
        statements.append(max(one.count(";") for one in messages))
    assert statements[0] == statements[1]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("limit", [2_000, 7], ids=["at once", "in steps"])
def test_rows_go_from_every_partition(
    family: Family, monkeypatch: pytest.MonkeyPatch, shape: str, limit: int
) -> None:
    """Whatever the partitions are by; also where one root has more than a step takes."""
    monkeypatch.setattr(variables, "LIMIT", limit)
    made(family, SHAPES[shape])
    dry = family.sweep("--dry-run").json["cascades"]
    found = family.sweep()
    assert found.code == 0, found.err
    assert found.json["tables"]["public.a"] == 400
    assert {one["table"]: one["rows"] for one in dry}["public.a"] == 400
    assert family.count("a", "up > 50") == family.count("a") == 400
    assert family.count("roots") == 50


def test_a_row_that_others_hold_locked_keeps_its_root(family: Family, db: str) -> None:
    """The others go meanwhile; it is counted."""
    made(family)
    with psycopg.connect(db) as other:
        other.execute("SELECT FROM a WHERE id = 7 FOR UPDATE")
        found = family.sweep()
    assert (found.code, found.json["locked_count"]) == (0, 1), found.err
    assert found.json["tables"] == {"public.roots": 49, "public.a": 392}
    assert family.count("a", "up = 8") == family.count("a", "up <= 50") == 8
    assert family.count("roots", "id <= 50") == 1


def test_a_root_that_another_table_keeps_stays_with_its_rows(family: Family) -> None:
    """As it does where nothing is partitioned."""
    made(family)
    family.do(child("k", action="RESTRICT"), "INSERT INTO k VALUES (1, 3)")
    found = family.sweep()
    assert (found.code, found.json["blocked_count"]) == (3, 1), found.err
    assert family.count("a", "up = 3") == family.count("a", "up <= 50") == 8


@pytest.mark.parametrize("limit", [2_000, 7], ids=["at once", "in steps"])
def test_what_a_trigger_of_one_partition_keeps_is_not_counted(
    family: Family, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """Counted is what is gone, and what it updates instead is not."""
    monkeypatch.setattr(variables, "LIMIT", limit)
    made(family)
    family.do(
        "ALTER TABLE a ADD gone timestamptz",
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF old.id % 3 = 0 THEN RETURN old; END IF; IF old.id % 3 = 1 THEN RETURN NULL; END IF;"
        " UPDATE a SET gone = now() WHERE id = old.id; RETURN NULL; END $$",
        "CREATE TRIGGER k BEFORE DELETE ON a2 FOR EACH ROW EXECUTE FUNCTION keep()",
    )
    found = family.sweep().json
    assert found["tables"]["public.a"] == 800 - family.count("a")
    assert found["deleted_count"] == 100 - family.count("roots")
    assert family.count("a2", "up <= 50 AND id % 3 > 0") > 0


def test_a_row_that_objects_keeps_its_root_alone(family: Family) -> None:
    """A trigger of one partition raises: that root is named, and the others go."""
    made(family)
    family.do(
        "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'legal hold'; END $$",
        "CREATE TRIGGER h BEFORE DELETE ON a FOR EACH ROW WHEN (old.id = 7)"
        " EXECUTE FUNCTION hold()",
    )
    found = family.sweep()
    assert (found.code, found.json["failed_count"]) == (3, 1), found.err
    assert found.json["tables"] == {"public.roots": 49, "public.a": 392}
    assert family.count("a", "up = 8") == family.count("a", "up <= 50") == 8


@pytest.fixture
def role(family: Family, db: str) -> Generator[Family]:
    """The sweep by a role that owns nothing, and has all rights on every table."""
    made(family)
    family.do(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'leaves') THEN"
        " CREATE ROLE leaves LOGIN; END IF; END $$",
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO leaves",
        "GRANT USAGE ON SCHEMA public TO leaves",
    )
    family.inside.env["DATABASE_URL"] = db.replace("postgres@", "leaves@", 1)
    yield family
    family.do("DROP OWNED BY leaves", "DROP ROLE leaves")


@pytest.mark.parametrize(
    "hidden",
    [
        "REVOKE SELECT ON a FROM leaves",
        "REVOKE DELETE ON a FROM leaves",
        "ALTER TABLE a ENABLE ROW LEVEL SECURITY",
        "SELECT",
    ],
)
def test_a_table_that_shows_less_than_its_partitions_is_not_asked(
    role: Family, hidden: str
) -> None:
    """Then each partition is: the rows are counted all the same."""
    role.do(hidden)
    found = role.sweep()
    assert found.code == 0, found.err
    assert found.json["tables"] == {"public.roots": 50, "public.a": 400}
    assert role.count("a", "up > 50") == role.count("a") == 400


def test_rows_that_come_in_meanwhile_through_a_new_partition_are_not_passed_over(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partition attached in mid-run is another catalog: the run stops before it takes rows."""
    made(family, SHAPES["ranges of another column"])
    before, first = retry.send, True

    def attach(*arguments: Any, **named: Any) -> batch.Done:
        nonlocal first
        if first:
            first = False
            family.do(
                "CREATE TABLE new PARTITION OF a FOR VALUES FROM (1000) TO (2000)",
                "INSERT INTO a SELECT 1000 + i, i FROM generate_series(1, 50) i",
            )
        return before(*arguments, **named)

    monkeypatch.setattr("maintcli.engines.base.retry.send", attach)
    found = family.sweep()
    assert found.code == 75, found.err
    assert family.count("roots") == 100
    assert family.count("a") == 850
