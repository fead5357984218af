"""`--yes-really N`: one number, one ceiling and one sentence, whatever refused the run."""

from typing import Any

import psycopg
import pytest

from tests.engines.test_guards import count, fill, pasted, sweep
from tests.jobs.every import one
from tests.parts.inside import Inside

Conn = psycopg.Connection[Any]
CHILD = "CREATE TABLE {} (id int PRIMARY KEY, up int REFERENCES {} ON DELETE CASCADE)"


def child(conn: Conn, name: str, of: str = "t", each: int = 1) -> None:
    """Make a table with `each` rows for each row of another."""
    conn.execute(CHILD.format(name, of))  # type: ignore[arg-type]
    conn.execute(f"CREATE INDEX ON {name} (up)")  # type: ignore[arg-type]
    conn.execute(
        f"INSERT INTO {name} SELECT row_number() OVER (), id FROM {of}, generate_series(1, {each})"  # type: ignore[arg-type]
    )


def test_a_shorter_age_counts_what_goes_with_the_stale_rows(inside: Inside, conn: Conn) -> None:
    """The refusal names the tables below; its number, and no smaller one, lets them go."""
    fill(conn, "t", old=20, young=80)
    conn.execute("UPDATE t SET seen = now() - interval '60 d' WHERE id <= 20")
    child(conn, "c", each=2)
    child(conn, "d", of="c")
    rule = '[[retention]]\ntable = "t"\ncolumn = "seen"\nkeep = "{}"\n'
    (inside.folder / "maint.toml").write_text(rule.format("90d"))
    assert inside("retention-cleanup").code == 0
    total = "100 rows would go: 20 of public.t, 40 of public.c, 40 of public.d"
    (inside.folder / "maint.toml").write_text(rule.format("30d"))
    for flags in ((), ("--dry-run",), ("--yes-really", "99"), ("--yes-really", "20")):
        refused = inside("retention-cleanup", *flags)
        assert (refused.code, total in refused.err) == (65, True), refused.err
        assert "20 rows are stale only by the shorter one" in refused.err
    assert count(conn, "t") + count(conn, "c") + count(conn, "d") == 500
    assert pasted(inside, refused).code == 0
    assert count(conn, "t") + count(conn, "c") + count(conn, "d") == 400


def test_a_share_that_is_too_large_names_what_goes_beside(inside: Inside, conn: Conn) -> None:
    """Rows of a small table below are in the number too."""
    fill(conn, "t", old=1_200, young=800)
    conn.execute(CHILD.format("c", "t"))
    conn.execute("INSERT INTO c VALUES (1, 1), (2, 2000)")
    refused = sweep(inside)
    assert "1,201 rows would go: 1,200 of public.t, 1 of public.c." in refused.err
    assert pasted(inside, refused).json["deleted_count"] == 1_200
    assert count(conn, "c") == 1


@pytest.mark.parametrize("flags", [(), ("--dry-run",)], ids=["real", "dry"])
def test_the_number_holds_where_no_guard_objects(
    inside: Inside, conn: Conn, flags: tuple[str, ...]
) -> None:
    """It is what the user expects to go, at most."""
    fill(conn, "t", old=5, young=5)
    refused = sweep(inside, "--yes-really", "4", *flags)
    assert "public.t has 5 old rows; --yes-really allows 4." in refused.err
    assert (refused.code, count(conn, "t")) == (65, 10)
    assert sweep(inside, "--yes-really", "5", *flags).code == 0


def test_the_number_holds_beside_a_plan(inside: Inside, conn: Conn) -> None:
    """A plan lets more go than it counted, by its drift."""
    fill(conn, "t", old=5, young=5)
    assert sweep(inside, "--dry-run", "--plan", "p").code == 0
    conn.execute("UPDATE t SET seen = now() - interval '1 y' WHERE id = 6")
    refused = sweep(inside, "--apply", "p", "--yes-really", "5")
    assert (refused.code, "; --yes-really allows 5." in refused.err) == (65, True), refused.err
    assert sweep(inside, "--apply", "p", "--yes-really", "6").code == 0
    assert count(conn, "t") == 4


def test_rows_of_a_circle_count_once(inside: Inside, conn: Conn) -> None:
    """Two swept tables that refer to each other: what is stale itself, and goes with another."""
    for name in "ab":
        fill(conn, name, old=10, young=10, more=", up int")
    for name, other in ("ab", "ba"):
        conn.execute(
            f"ALTER TABLE {name} ADD FOREIGN KEY (up) REFERENCES {other} ON DELETE CASCADE"  # type: ignore[arg-type]
        )
        conn.execute(f"CREATE INDEX ON {name} (up)")  # type: ignore[arg-type]
        conn.execute(f"UPDATE {name} SET up = id")  # type: ignore[arg-type]
    conn.execute("UPDATE a SET up = 1 WHERE id = 11")
    refused = sweep(inside, "--max-rows", "21", tables="ab")
    assert "22 rows would go: 11 of public.b, 11 of public.a;" in refused.err
    assert pasted(inside, refused).code == 0
    assert (count(conn, "a"), count(conn, "b")) == (9, 9)


def test_two_rules_of_a_table_that_refers_to_itself_count_each_row_once(
    inside: Inside, conn: Conn
) -> None:
    """A row that is stale by one rule, and goes by the other."""
    fill(conn, "t", old=20, young=20, more=", up int REFERENCES t ON DELETE CASCADE")
    conn.execute("CREATE INDEX ON t (up)")
    conn.execute("UPDATE t SET up = id - 1 WHERE id BETWEEN 2 AND 21")
    rule = '[[retention]]\ntable = "t"\ncolumn = "seen"\nkeep = "30d"\n'
    rule += 'allow-sql = true\nwhere = "id % 2 = {}"\n'
    (inside.folder / "maint.toml").write_text(rule.format(0) + rule.format(1))
    dry = inside("retention-cleanup", "--dry-run", "--json")
    refused = inside("retention-cleanup", "--yes-really", "20")
    assert dry.json["deleted_count"] == 21
    assert "public.t has 21 rows that would go; --yes-really allows 20." in refused.err
    assert pasted(inside, refused).code == 0
    assert count(conn, "t") == 19


def test_leaves_that_refer_to_each_other_count(inside: Inside, conn: Conn) -> None:
    """A fresh row in one partition goes with a stale row in another."""
    conn.execute(
        "CREATE TABLE t (id int, seen timestamptz, up int, PRIMARY KEY (id)) PARTITION BY RANGE (id)"
    )
    conn.execute("CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10)")
    conn.execute("CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (10) TO (20)")
    conn.execute("CREATE INDEX ON t (up)")
    conn.execute("ALTER TABLE t ADD FOREIGN KEY (up) REFERENCES t ON DELETE CASCADE")
    conn.execute(
        "INSERT INTO t VALUES (1, now() - interval '1 y', 1), (2, now(), 2), (11, now(), 1)"
    )
    refused = sweep(inside, "--yes-really", "1")
    assert "public.t has 2 rows that would go; --yes-really allows 1." in refused.err
    assert sweep(inside, "--dry-run", "--json").json["deleted_count"] == 2
    assert pasted(inside, refused).code == 0
    assert count(conn, "t") == 1


def test_an_erasure_counts_the_rows_that_go(inside: Inside, conn: Conn) -> None:
    """With the users who are stamped: of listed tables, and whatever goes with their rows."""
    conn.execute("INSERT INTO users (email, opted_out_at) VALUES ('out', now()), ('in', NULL)")
    conn.execute(
        "CREATE TABLE comments (id int PRIMARY KEY, author int, up int REFERENCES comments"
        " ON DELETE CASCADE)"
    )
    conn.execute("INSERT INTO comments VALUES (1, 1, 1), (2, 1, 2), (3, 2, 1), (4, 2, 4)")
    erase = ("cleanup-opt-outs", "--tables", "comments.author")
    for flags in ((), ("--dry-run",)):
        refused = inside(*erase, "--yes-really", "3", *flags)
        said = "4 rows would go or change: 1 of public.users, 3 of public.comments; --yes-really"
        assert (refused.code, said in refused.err) == (65, True), refused.err
    assert count(conn, "comments") == 4
    assert pasted(inside, refused).code == 0
    assert count(conn, "comments") == 1


def test_rows_that_are_updated_count(inside: Inside, conn: Conn) -> None:
    """They change, and do not go."""
    conn.execute("INSERT INTO users (email) VALUES ('a@b')")
    conn.execute(
        "INSERT INTO processing_jobs (user_id, status, created_at)"
        " SELECT id, 'pending', now() - interval '30 d' FROM users, generate_series(1, 3)"
    )
    mark = ("cleanup-abandoned-jobs", "--action", "mark")
    refused = inside(*mark, "--yes-really", "2")
    assert (refused.code, "has 3 old rows; --yes-really allows 2." in refused.err) == (65, True)
    assert one(conn, "SELECT count(*) FROM processing_jobs WHERE status = 'pending'") == 3
    assert pasted(inside, refused).json["updated_count"] == 3


def test_rows_that_lose_their_parent_by_the_run_are_left_for_the_next(
    inside: Inside, conn: Conn
) -> None:
    """They were not shown, nor counted; in whatever order the pairs are given."""
    for name in "pqr":
        conn.execute(f"CREATE TABLE {name} (id int, up int, created_at timestamptz)")  # type: ignore[arg-type]
    conn.execute("INSERT INTO p VALUES (1), (2)")
    for name in "qr":
        conn.execute(
            f"INSERT INTO {name} SELECT i, i, now() - interval '9 d' FROM generate_series(1, 3) i"  # type: ignore[arg-type]
        )
    orphans = ("cleanup-orphans", "--pairs", "q.up -> p.id, r.up -> q.id", "--json")
    assert inside(*orphans, "--dry-run").json["deleted_count"] == 1
    first = inside(*orphans, "--yes-really", "1").json
    assert (first["deleted_count"], first["backlog"]) == (1, 1)
    assert (count(conn, "q"), count(conn, "r")) == (2, 3)
    assert inside(*orphans).json["deleted_count"] == 1
    assert (count(conn, "q"), count(conn, "r")) == (2, 2)
