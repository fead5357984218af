"""What a sweep leaves: success with backlog 0 means that a SELECT finds nothing stale."""

from collections.abc import Callable, Mapping
from typing import Any

import psycopg
import pytest

from maintcli.engines.base import retry
from maintcli.engines.base.batch import Done
from tests.parts.cli import Result
from tests.parts.inside import Inside

SEND = retry.send
Conn = psycopg.Connection[tuple[object, ...]]

STALE = "seen < now() - interval '30 d'"
OLD = "now() - interval '1 y'"


def rules(
    inside: Inside,
    *tables: str,
    options: tuple[str, ...] = (),
    env: Mapping[str, str] | None = None,
) -> Result:
    """Sweep what is older than 30 days from each of the tables, by their column `seen`."""
    rule = '[[retention]]\ntable = "{}"\ncolumn = "seen"\nkeep = "30d"\n'
    (inside.folder / "maint.toml").write_text("".join(rule.format(table) for table in tables))
    return inside("retention-cleanup", "--json", "--max-percent", "100", *options, env=env)


def count(conn: Conn, table: str, where: str = "true") -> int:
    """Rows of the table for which `where` holds."""
    row = conn.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()  # type: ignore[arg-type]
    assert row is not None
    return int(str(row[0]))


def filled(conn: Conn, table: str, rows: int = 20_000, more: str = "") -> None:
    """Fill a table of (id, seen, …) with old rows."""
    conn.execute(f"INSERT INTO {table} SELECT i, {OLD}{more} FROM generate_series(1, {rows}) i")  # type: ignore[arg-type]


@pytest.mark.parametrize("order", [("p", "c"), ("c", "p")])
def test_rows_that_lose_a_reference_are_met_all_the_same(
    inside: Inside, conn: Conn, order: tuple[str, str]
) -> None:
    """SET NULL moves rows of a later rule's table to blocks behind those it began with."""
    conn.execute("CREATE TABLE p (id int PRIMARY KEY, seen timestamptz NOT NULL)")
    conn.execute(
        "CREATE TABLE c (id int PRIMARY KEY, seen timestamptz NOT NULL,"
        " p_id int REFERENCES p ON DELETE SET NULL)"
    )
    conn.execute("CREATE INDEX ON c (p_id)")
    filled(conn, "p")
    filled(conn, "c", more=", i")
    found = rules(inside, *order)
    assert (found.code, found.json["backlog"]) == (0, 0), found.err
    assert (count(conn, "p"), count(conn, "c")) == (0, 0)
    assert (found.json["deleted_count"], found.json["unlinked_count"]) == (40_000, 0)


def test_rows_that_refer_to_rows_of_their_own_table_are_met(inside: Inside, conn: Conn) -> None:
    """A self reference with SET NULL; no row that went is said to have lost a reference."""
    conn.execute(
        "CREATE TABLE t (id int PRIMARY KEY, seen timestamptz NOT NULL,"
        " up int REFERENCES t ON DELETE SET NULL)"
    )
    conn.execute("CREATE INDEX ON t (up)")
    filled(conn, "t", more=", nullif(i % 7 * 1000 + i / 7, i) % 20000 + 1")
    conn.execute("INSERT INTO t VALUES (0, now(), 77)")
    found = rules(inside, "t")
    assert (found.code, found.json["backlog"]) == (0, 0), found.err
    assert (count(conn, "t"), count(conn, "t", "up IS NULL")) == (1, 1)
    assert (found.json["deleted_count"], found.json["unlinked_count"]) == (20_000, 1)


def test_rows_that_a_trigger_moves_are_met(inside: Inside, conn: Conn) -> None:
    """An AFTER DELETE trigger updates other rows of the table, which puts them elsewhere."""
    conn.execute("CREATE TABLE t (id int PRIMARY KEY, seen timestamptz NOT NULL, n int)")
    filled(conn, "t", 5_000, more=", 0")
    conn.execute(
        "CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " UPDATE public.t SET n = n + 1 WHERE id = 5001 - OLD.id OR id = OLD.id + 1;"
        " RETURN NULL; END $$"
    )
    conn.execute("CREATE TRIGGER told AFTER DELETE ON t FOR EACH ROW EXECUTE FUNCTION told()")
    found = rules(inside, "t")
    assert (found.code, found.json["backlog"]) == (0, 0), found.err
    assert count(conn, "t") == 0
    assert found.json["deleted_count"] == 5_000


def test_soft_deletes_are_not_counted(inside: Inside, conn: Conn) -> None:
    """A trigger that keeps rows is named: exit 3, and no row is said to be gone."""
    conn.execute("CREATE TABLE t (id int PRIMARY KEY, seen timestamptz NOT NULL, gone bool)")
    filled(conn, "t", 157, more=", false")
    conn.execute(
        "CREATE FUNCTION soft() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " UPDATE public.t SET gone = true WHERE id = OLD.id; RETURN NULL; END $$"
    )
    conn.execute("CREATE TRIGGER soft BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION soft()")
    found = rules(inside, "t")
    assert (found.code, found.json["deleted_count"]) == (3, 0), found.err
    assert (found.json["kept_count"], found.json["backlog"]) == (157, 157)
    assert "157 stale rows of public.t" in found.json["message"]
    assert "trigger soft" in found.json["message"]
    assert count(conn, "t", "gone") == 157


@pytest.mark.parametrize("instead", ["NOTHING", "UPDATE t SET gone = true WHERE id = OLD.id"])
def test_rules_that_keep_rows_are_named(inside: Inside, conn: Conn, instead: str) -> None:
    """A rule DO INSTEAD: exit 3, nothing counted as deleted."""
    conn.execute("CREATE TABLE t (id int PRIMARY KEY, seen timestamptz NOT NULL, gone bool)")
    filled(conn, "t", 157, more=", false")
    conn.execute(f"CREATE RULE keep AS ON DELETE TO t DO INSTEAD {instead}")  # type: ignore[arg-type]
    found = rules(inside, "t")
    assert (found.code, found.json["deleted_count"]) == (3, 0), found.err
    assert "rule keep" in found.json["message"]
    assert count(conn, "t") == 157


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch, db: str) -> Callable[..., None]:
    """Has statements done in a session of their own between two batches of the run."""

    def plan(*statements: str, after: int = 3) -> None:
        sent = 0

        def send(*arguments: Any, **named: Any) -> Done:
            nonlocal sent
            sent += 1
            if sent == after + 1:
                with psycopg.connect(db, autocommit=True) as application:
                    for statement in statements:
                        application.execute(statement)  # type: ignore[arg-type]
            return SEND(*arguments, **{**named, "budget_ms": 0})  # of a single bite

        monkeypatch.setattr(retry, "send", send)

    return plan


def events(conn: Conn, rows: int = 60_000) -> None:
    """Make a table with a third of its rows old, and no index."""
    conn.execute("CREATE TABLE t (id int, seen timestamptz NOT NULL, note text)")
    conn.execute(
        "INSERT INTO t SELECT i, now() - CASE WHEN i % 3 = 0 THEN interval '1 y'"
        f" ELSE interval '1 s' END, 'n' FROM generate_series(1, {rows}) i"  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    "statement",
    [
        "VACUUM FULL t",
        "ALTER TABLE t ALTER id TYPE bigint",
        "UPDATE t SET note = 'touched' WHERE id % 2 = 0",
        "INSERT INTO t SELECT i, now() - interval '1 y', 'late' FROM generate_series(1, 5000) i",
    ],
)
def test_rows_that_others_move_meanwhile_are_met(
    inside: Inside, conn: Conn, meanwhile: Callable[..., None], statement: str
) -> None:
    """A rewrite, an update and late rows: nothing stale is left, and every row is counted."""
    events(conn)
    meanwhile(statement)
    found = rules(inside, "t")
    assert (found.code, found.json["backlog"]) == (0, 0), found.err
    assert count(conn, "t", STALE) == 0
    late = 5_000 if "INSERT" in statement else 0
    assert found.json["deleted_count"] == 20_000 + late
    assert count(conn, "t") == 40_000


def test_a_table_that_takes_the_name_meanwhile_is_not_touched(
    inside: Inside, conn: Conn, meanwhile: Callable[..., None]
) -> None:
    """Two tables swap names: exit 75, and the other one keeps all its rows."""
    events(conn)
    conn.execute("CREATE TABLE other (LIKE t)")
    conn.execute("INSERT INTO other SELECT * FROM t")
    meanwhile("ALTER TABLE t RENAME TO old; ALTER TABLE other RENAME TO t")
    found = rules(inside, "t")
    assert found.code == 75, found.err
    assert "another table has its name now" in found.err
    assert count(conn, "t") == 60_000
    assert 60_000 - count(conn, "old") == count(conn, "job_runs, generate_series(1, deleted_count)")


def test_a_table_that_is_renamed_meanwhile_is_left(
    inside: Inside, conn: Conn, meanwhile: Callable[..., None]
) -> None:
    """No table of that name is there any more: exit 75 with its name."""
    events(conn)
    meanwhile("ALTER TABLE t RENAME TO old")
    found = rules(inside, "t")
    assert found.code == 75, found.err
    assert "public.t was changed during the run: it was dropped or renamed" in found.err


def test_row_level_security_switched_on_meanwhile_ends_the_run(
    inside: Inside, conn: Conn, db: str, meanwhile: Callable[..., None]
) -> None:
    """Hidden rows are not taken for rows that are gone: exit 75, not success."""
    events(conn)
    conn.execute(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sweeper') THEN"
        " CREATE ROLE sweeper LOGIN; END IF; END $$"
    )
    conn.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO sweeper")
    meanwhile("ALTER TABLE t ENABLE ROW LEVEL SECURITY")
    sweeper = db.replace("postgres@", "sweeper@")
    found = rules(inside, "t", env={"DATABASE_URL": sweeper})
    assert found.code == 75, found.err
    assert "row-level security hides rows of it from role sweeper" in found.err


def partitioned(conn: Conn) -> None:
    """Make a table of three partitions by id, with a third of the rows old."""
    conn.execute(
        "CREATE TABLE t (id int, seen timestamptz NOT NULL, note text) PARTITION BY RANGE (id)"
    )
    for n in range(3):
        conn.execute(
            f"CREATE TABLE t{n} PARTITION OF t FOR VALUES FROM ({n * 20_000}) TO ({(n + 1) * 20_000})"  # type: ignore[arg-type]
        )
    conn.execute(
        "INSERT INTO t SELECT i, now() - CASE WHEN i % 3 = 0 THEN interval '1 y'"
        " ELSE interval '1 s' END, 'n' FROM generate_series(0, 59999) i"
    )


@pytest.mark.parametrize("how", ["", " CONCURRENTLY"])
def test_a_partition_that_is_detached_meanwhile_is_left(
    inside: Inside, conn: Conn, meanwhile: Callable[..., None], how: str
) -> None:
    """What is detached is not ours any more: its rows stay, the others go."""
    partitioned(conn)
    meanwhile(f"ALTER TABLE t DETACH PARTITION t2{how}", after=1)
    found = rules(inside, "t")
    assert (found.code, found.json["backlog"]) == (0, 0), found.err
    assert "public.t2: detached by others meanwhile" in found.err
    assert (count(conn, "t", STALE), count(conn, "t2")) == (0, 20_000)


def test_a_partition_that_is_added_meanwhile_is_swept(
    inside: Inside, conn: Conn, meanwhile: Callable[..., None]
) -> None:
    """Old rows in a new partition belong to the table that was named."""
    partitioned(conn)
    meanwhile(
        "CREATE TABLE t3 PARTITION OF t FOR VALUES FROM (60000) TO (80000)",
        "INSERT INTO t SELECT i, now() - interval '1 y', 'n' FROM generate_series(60000, 60099) i",
        after=1,
    )
    found = rules(inside, "t")
    assert (found.code, found.json["backlog"]) == (0, 0), found.err
    assert count(conn, "t", STALE) == 0
    assert found.json["deleted_count"] == 20_100


def test_rows_that_come_without_end_are_counted_as_backlog(
    inside: Inside, conn: Conn, monkeypatch: pytest.MonkeyPatch, db: str
) -> None:
    """An application that adds old rows after each batch: the passes end, the rest is told."""
    events(conn, 3_000)
    with psycopg.connect(db, autocommit=True) as application:

        def send(*arguments: Any, **named: Any) -> Done:
            done = SEND(*arguments, **{**named, "budget_ms": 0})
            application.execute("INSERT INTO t SELECT 1, now() - interval '1 y', 'late'")
            return done

        monkeypatch.setattr(retry, "send", send)
        found = rules(inside, "t")
    assert found.code == 0, found.err
    assert found.json["backlog"] == count(conn, "t", STALE) > 0
    assert "came while the run went on" in found.err


def test_soft_deletes_of_rows_that_others_refer_to_are_not_counted(
    inside: Inside, conn: Conn
) -> None:
    """Neither the row, which is elsewhere after the trigger's UPDATE, nor what is below it."""
    conn.execute("CREATE TABLE t (id int PRIMARY KEY, seen timestamptz NOT NULL, gone bool)")
    conn.execute("CREATE TABLE c (id int, up int REFERENCES t ON DELETE CASCADE)")
    filled(conn, "t", 157, more=", false")
    conn.execute("INSERT INTO c SELECT id, id FROM t")
    conn.execute(
        "CREATE FUNCTION soft() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF OLD.id > 57 THEN RETURN OLD; END IF;"
        " UPDATE public.t SET gone = true WHERE id = OLD.id; RETURN NULL; END $$"
    )
    conn.execute("CREATE TRIGGER soft BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION soft()")
    found = rules(inside, "t")
    assert (found.code, found.json["deleted_count"]) == (3, 100), found.err
    assert found.json["tables"] == {"public.t": 100, "public.c": 100}
    assert (count(conn, "t"), count(conn, "c")) == (57, 57)
    assert count(conn, "job_runs, generate_series(1, deleted_count)") == 100
    assert (found.json["kept_count"], found.json["backlog"]) == (57, 57)
    assert "57 stale rows of public.t" in found.json["message"]


@pytest.mark.parametrize("shape", ["heap", "index", "a table that refers"])
@pytest.mark.parametrize(
    "instead",
    ["", "UPDATE public.t SET gone = true WHERE id = OLD.id;"],
)
def test_a_limit_is_spent_on_rows_that_go(
    inside: Inside, conn: Conn, instead: str, shape: str
) -> None:
    """Rows that a trigger keeps stand before the others, and do not use up the limit."""
    conn.execute(
        "CREATE TABLE t (id int PRIMARY KEY, seen timestamptz NOT NULL, gone bool)"
        " WITH (fillfactor = 10)"
    )
    filled(conn, "t", 300, more=", false")
    if shape == "a table that refers":
        conn.execute("CREATE TABLE c (up int REFERENCES t ON DELETE CASCADE)")
        conn.execute("INSERT INTO c SELECT id FROM t")
    if shape == "index":
        conn.execute("UPDATE t SET seen = seen + id * interval '1 s'")
        conn.execute("CREATE INDEX ON t (seen)")
        conn.execute("INSERT INTO t SELECT i, now(), false FROM generate_series(1001, 30000) i")
        conn.execute("ANALYZE t")
    conn.execute(
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"  # type: ignore[arg-type]
        f" IF OLD.id > 100 THEN RETURN OLD; END IF; {instead} RETURN NULL; END $$"
    )
    conn.execute("CREATE TRIGGER keep BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION keep()")
    for left in (290, 280):
        found = rules(inside, "t", options=("--limit", "10"))
        assert (found.code, found.json["deleted_count"]) == (0, 10), found.err
        assert (found.json["kept_count"], found.json["backlog"]) == (0, left)
        assert count(conn, "t", STALE) == left
        assert found.json["plan"] == ("index" if shape == "index" else "heap")
    found = rules(inside, "t", options=("--limit", "500"))
    assert (found.code, found.json["deleted_count"]) == (3, 180), found.err
    assert (found.json["kept_count"], found.json["backlog"]) == (100, 100)
    assert "100 stale rows of public.t are still there" in found.json["message"]
    assert count(conn, "t", STALE) == 100
    assert shape != "a table that refers" or count(conn, "c") == 100


def test_a_limit_that_a_rule_keeps_from_being_spent(inside: Inside, conn: Conn) -> None:
    """Every row was tried before all of them are said to be kept."""
    conn.execute("CREATE TABLE t (id int PRIMARY KEY, seen timestamptz NOT NULL)")
    filled(conn, "t", 30)
    conn.execute("CREATE RULE keep AS ON DELETE TO t DO INSTEAD NOTHING")
    found = rules(inside, "t", options=("--limit", "10"))
    assert (found.code, found.json["deleted_count"]) == (3, 0), found.err
    assert (found.json["kept_count"], count(conn, "t")) == (30, 30)


@pytest.fixture
def put_back(conn: Conn) -> None:
    """Make a table of 30 old rows, each of which a trigger puts back when it is gone."""
    conn.execute("CREATE TABLE t (id int PRIMARY KEY, seen timestamptz NOT NULL)")
    filled(conn, "t", 30)
    conn.execute(
        "CREATE FUNCTION back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO public.t VALUES (OLD.id, OLD.seen); RETURN NULL; END $$"
    )
    conn.execute("CREATE TRIGGER back AFTER DELETE ON t FOR EACH ROW EXECUTE FUNCTION back()")


@pytest.mark.usefixtures("put_back")
@pytest.mark.parametrize("options", [(), ("--archive", "kept"), ("--limit", "40")])
def test_rows_that_a_trigger_puts_back_are_swept_once(
    inside: Inside, conn: Conn, options: tuple[str, ...]
) -> None:
    """They are counted and archived once, and said to be there: exit 3 with the trigger's name."""
    found = rules(inside, "t", options=options)
    assert (found.code, found.json["deleted_count"]) == (3, 30), found.err
    assert (found.json["kept_count"], found.json["backlog"]) == (30, 30)
    assert "trigger back. They were put back" in found.json["message"]
    assert found.json.get("archived_count", 30) == 30
    assert count(conn, "t") == 30


@pytest.mark.usefixtures("put_back")
def test_a_limit_that_is_spent_on_rows_that_come_back_is_warned_of(
    inside: Inside, conn: Conn
) -> None:
    """The backlog would be the same after each run, and the run a success."""
    found = rules(inside, "t", options=("--limit", "10"))
    assert (found.code, found.json["deleted_count"], count(conn, "t")) == (0, 10, 30), found.err
    assert "10 rows came into public.t while maint deleted from it" in found.err
    assert "trigger back; if these are the same rows, nothing was removed" in found.err


def test_rows_that_a_trigger_adds_keep_no_stale_row(inside: Inside, conn: Conn) -> None:
    """A trigger that writes fresh rows into its own table is no objection."""
    conn.execute("CREATE TABLE t (id int, seen timestamptz NOT NULL)")
    filled(conn, "t", 30)
    conn.execute(
        "CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO public.t VALUES (-OLD.id, now()); RETURN NULL; END $$"
    )
    conn.execute("CREATE TRIGGER noted AFTER DELETE ON t FOR EACH ROW EXECUTE FUNCTION noted()")
    found = rules(inside, "t")
    assert (found.code, found.json["deleted_count"], found.json["backlog"]) == (0, 30, 0), found.err
    assert (count(conn, "t", STALE), count(conn, "t")) == (0, 30)
