"""What others do at the same moment: a late touch saves a parent with all its children."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import psycopg
import pytest
from psycopg import sql

from maintcli.engines.foreign_keys import remove, script
from tests.parts.family import Family, child
from tests.parts.inside import Inside
from tests.parts.waiting import until

Conn = psycopg.Connection[tuple[Any, ...]]
# The last root goes when the gate is open.
GATE = """
CREATE TABLE gate (open boolean);
CREATE FUNCTION wait_for_gate() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN WHILE NOT EXISTS (SELECT FROM gate) LOOP PERFORM pg_sleep(0.005); END LOOP;
    RETURN old; END $$;
CREATE TRIGGER a_gate BEFORE DELETE ON roots FOR EACH ROW WHEN (old.id = 30000)
    EXECUTE FUNCTION wait_for_gate()
"""


@pytest.fixture(params=[True, False], ids=["final", "not final"])
def family(request: pytest.FixtureRequest, conn: Conn, inside: Inside) -> Family:
    """Ten roots with three children each."""
    family = Family(conn, inside, final=bool(request.param))
    family.make(child("a"))
    family.roots(old=10)
    family.do("INSERT INTO a SELECT i, i % 10 + 1 FROM generate_series(1, 30) i")
    return family


@contextmanager
def uncommitted(conn: Conn, db: str, statement: str) -> Generator[None]:
    """Hold `statement` uncommitted until somebody waits for it, then commit."""
    with psycopg.connect(db) as application:
        application.execute(statement)  # type: ignore[arg-type]  a test's own text
        holder = application.info.backend_pid

        def commit_once_waited_for() -> None:
            query = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
            until(lambda: conn.execute(query, [holder]).fetchone() != (0,), "the sweep waits")
            application.commit()

        thread = threading.Thread(target=commit_once_waited_for)
        thread.start()
        yield
        thread.join()


@pytest.mark.usefixtures("patient")
def test_a_late_touch_saves_a_parent_and_its_children(family: Family, db: str) -> None:
    """The parent is locked and looked at again before any child of it is touched."""
    with uncommitted(family.conn, db, "UPDATE roots SET seen = now() WHERE id = 4"):
        result = family.sweep()
    assert result.code == 0, result.err
    assert result.json["tables"] == {"public.roots": 9, "public.a": 27}
    assert family.count("roots", "id = 4") == 1
    assert family.count("a", "up = 4") == 3


@pytest.mark.usefixtures("patient")
def test_by_keys_alone_the_touch_would_come_too_late(family: Family, db: str) -> None:
    """The mutant: roots chosen by a subselect, as everybody writes it, are not looked at again."""
    by_place, by_key = (
        "WHERE ctid = ANY (maint_c) AND ({predicate})",
        "WHERE id IN (SELECT id FROM ONLY {part} WHERE ctid = ANY (maint_c))",
    )
    locking, deleting = script._STEP.as_string(), remove._WHOLE.as_string()
    assert by_place in locking
    with (
        mock.patch.object(script, "_STEP", sql.SQL(locking.replace(by_place, by_key))),  # type: ignore[arg-type]
        mock.patch.object(remove, "_WHOLE", sql.SQL(deleting.replace(" AND ({predicate})", ""))),  # type: ignore[arg-type]
        uncommitted(family.conn, db, "UPDATE roots SET seen = now() WHERE id = 4"),
    ):
        result = family.sweep()
    assert result.code == 0, result.err
    assert family.count("roots", "id = 4") == 0


@pytest.mark.usefixtures("patient")
def test_a_child_that_is_just_being_added_goes_too_and_is_counted(family: Family, db: str) -> None:
    """Who adds a child locks the parent; the sweep waits for that, and then sees the child."""
    with uncommitted(family.conn, db, "INSERT INTO a VALUES (1000, 4)"):
        result = family.sweep()
    assert result.json["tables"] == {"public.roots": 10, "public.a": 31}, result.err
    assert family.count("a") == 0


@pytest.mark.usefixtures("patient")
def test_a_child_that_moves_away_is_spared(family: Family, db: str) -> None:
    """A child that gets another parent, at the last moment, stays."""
    family.do("INSERT INTO roots VALUES (50, now())")
    with uncommitted(family.conn, db, "UPDATE a SET up = 50 WHERE id = 3"):
        result = family.sweep()
    assert result.json["tables"] == {"public.roots": 10, "public.a": 29}, result.err
    assert family.count("a", "id = 3 AND up = 50") == 1


@pytest.mark.usefixtures("patient")
def test_a_late_blocker_keeps_its_parent(family: Family, db: str) -> None:
    """A RESTRICT row that is being added when the sweep comes by counts."""
    family.do(child("k", action="RESTRICT"))
    with uncommitted(family.conn, db, "INSERT INTO k VALUES (1, 4)"):
        result = family.sweep()
    assert (result.code, result.json["blocked_count"]) == (3, 1), result.err
    assert family.count("a", "up = 4") == 3


@pytest.mark.parametrize(
    "lock",
    [
        "SELECT FROM roots WHERE id = 4 FOR UPDATE",
        "SELECT FROM a WHERE id = 3 FOR UPDATE",
        "SELECT FROM n WHERE id = 4 FOR UPDATE",
    ],
    ids=["root", "child", "link"],
)
def test_a_locked_row_keeps_its_root_and_all_below(family: Family, db: str, lock: str) -> None:
    """Held locked to the end: that root is left, and counted; the rest is done."""
    family.do(child("n", action="SET NULL"))
    family.do("INSERT INTO n SELECT i, i FROM generate_series(1, 10) i")
    with psycopg.connect(db) as other:
        other.execute(lock)  # type: ignore[arg-type]  a test's own text
        result = family.sweep("--timeout", "60s")
    assert result.code == 0, result.err
    assert result.json["locked_count"] == 1
    assert result.json["tables"] == {"public.roots": 9, "public.a": 27}
    assert family.count("a", "up = 4") == 3
    assert family.count("n", "up = 4") == 1


def test_a_lock_that_ends_is_tried_again(family: Family, db: str) -> None:
    """What was locked is looked at once more when the way through the table is done."""
    family.do(f"INSERT INTO roots SELECT i, {family.old} FROM generate_series(100, 30000) i")
    family.do(GATE)
    with psycopg.connect(db) as other:
        other.execute("SELECT FROM a WHERE id = 3 FOR UPDATE")

        def end_once_that_root_was_passed() -> None:
            until(lambda: family.count("roots", "id < 100") == 1, "the first roots are gone")
            other.rollback()
            family.do("INSERT INTO gate VALUES (true)")

        thread = threading.Thread(target=end_once_that_root_was_passed)
        thread.start()
        result = family.sweep()
        thread.join()
    assert result.code == 0, result.err
    assert (result.json["locked_count"], result.json["deleted_count"]) == (0, 29_911)
    assert (family.count("roots"), family.count("a")) == (0, 0)


@pytest.fixture
def chain(family: Family) -> Family:
    """The rows below the fourth root, 3, 13 and 23, and then 101 to 600, each below the one before."""
    family.do(
        "ALTER TABLE a ADD reply int REFERENCES a ON DELETE CASCADE; CREATE INDEX ON a (reply)",
        "INSERT INTO a SELECT i, NULL, CASE i WHEN 101 THEN 3 ELSE i - 1 END"
        " FROM generate_series(101, 600) i",
    )
    return family


def test_a_row_that_is_just_being_added_to_a_chain_goes_too(chain: Family, db: str) -> None:
    """It locks the one above it, which the sweep waits for; what is below it is found as well."""
    with uncommitted(chain.conn, db, "INSERT INTO a VALUES (601, NULL, 600), (602, NULL, 601)"):
        result = chain.sweep()
    assert result.json["tables"] == {"public.roots": 10, "public.a": 532}, result.err
    assert chain.count("a") == 0


def test_a_row_that_leaves_a_chain_takes_with_it_what_is_below(chain: Family, db: str) -> None:
    """Moved at the last moment to another row, which stays."""
    chain.do("INSERT INTO roots VALUES (50, now())", "INSERT INTO a VALUES (50, 50)")
    with uncommitted(chain.conn, db, "UPDATE a SET reply = 50 WHERE id = 301"):
        result = chain.sweep()
    assert result.json["tables"] == {"public.roots": 10, "public.a": 230}, result.err
    assert chain.count("a") == 301


def test_a_row_of_a_chain_that_changes_and_stays_goes_too(chain: Family, db: str) -> None:
    """Its newest version is somewhere else in the table, and is counted."""
    chain.do("DELETE FROM a WHERE id > 101")
    with uncommitted(chain.conn, db, "UPDATE a SET up = NULL WHERE id = 101"):
        result = chain.sweep()
    assert result.json["tables"] == {"public.roots": 10, "public.a": 31}, result.err
    assert chain.count("a") == 0


def test_a_locked_row_keeps_the_chain_above_it_and_the_root(chain: Family, db: str) -> None:
    """However far below; the other roots go."""
    with psycopg.connect(db) as other:
        other.execute("SELECT FROM a WHERE id = 600 FOR UPDATE")
        result = chain.sweep("--timeout", "60s")
    assert (result.code, result.json["locked_count"]) == (0, 1), result.err
    assert result.json["tables"] == {"public.roots": 9, "public.a": 27}
    assert chain.count("a") == 503
