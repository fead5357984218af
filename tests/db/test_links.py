"""What the catalog says of foreign keys that refer to a table."""

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

import psycopg
import pytest

from maintcli.db.catalog import links
from maintcli.db.catalog.links import Links
from tests.parts.family import child

Conn = psycopg.Connection[tuple[Any, ...]]

ROOTS = "CREATE TABLE roots (id int PRIMARY KEY, other text UNIQUE)"


class Reader:
    """Reads by a connection, as a run's session does."""

    def __init__(self, conn: Conn) -> None:
        self.conn = conn

    def read(
        self, query: LiteralString, params: Mapping[str, Any] | Sequence[Any] | None = None
    ) -> list[tuple[Any, ...]]:
        """Return the rows."""
        return psycopg.ClientCursor(self.conn).execute(query, params).fetchall()


def find(conn: Conn, *tables: str) -> Links:
    """What can be reached from `tables`."""
    oids = [conn.execute("SELECT %s::regclass::oid", [t]).fetchone()[0] for t in tables]  # type: ignore[index]
    found = links.find(Reader(conn), oids)
    assert found is not None
    return found


def ends(found: Links) -> set[tuple[str, str, str]]:
    """Parent, action and child of each link, without the schema."""
    names = {oid: relation.table for oid, relation in found.relations.items()}
    return {(names[one.parent], one.key.action, names[one.child]) for one in found.links}


def test_only_cascades_are_followed_further(conn: Conn) -> None:
    """What merely blocks, or loses a reference, is where the way ends."""
    for statement in (
        ROOTS,
        child("a"),
        child("b", "a"),
        child("n", action="SET NULL"),
        child("d", action="SET DEFAULT"),
        child("r", "b", "RESTRICT"),
        child("beyond_n", "n"),
        child("beyond_r", "r"),
        child("x", "b", "NO ACTION"),
    ):
        conn.execute(statement)  # type: ignore[arg-type]
    assert ends(find(conn, "roots")) == {
        ("roots", "CASCADE", "a"),
        ("a", "CASCADE", "b"),
        ("roots", "SET NULL", "n"),
        ("roots", "SET DEFAULT", "d"),
        ("b", "RESTRICT", "r"),
        ("b", "NO ACTION", "x"),
    }


def test_nothing_refers_to_it(conn: Conn) -> None:
    """Then there is no link, and the table itself is described all the same."""
    conn.execute(ROOTS)
    found = find(conn, "roots")
    assert found.links == ()
    assert [relation.top for relation in found.relations.values()] == ["public.roots"]


def test_each_key_of_partitioned_tables_is_one_link_a_leaf(conn: Conn) -> None:
    """The clones that PostgreSQL keeps of a constraint for partitions are not counted again."""
    for statement in (
        "CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id)",
        "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20)",
        "CREATE TABLE c (id int, up int REFERENCES p ON DELETE CASCADE) PARTITION BY LIST (id)",
        "CREATE TABLE c1 PARTITION OF c FOR VALUES IN (1)",
        "CREATE TABLE c2 PARTITION OF c DEFAULT PARTITION BY LIST (up)",
        "CREATE TABLE c2d PARTITION OF c2 DEFAULT",
        "CREATE TABLE one (up int REFERENCES p1 ON DELETE CASCADE)",
    ):
        conn.execute(statement)  # type: ignore[arg-type]
    found = find(conn, "p1", "p2")
    assert ends(found) == {
        ("p1", "CASCADE", "c1"),
        ("p1", "CASCADE", "c2d"),
        ("p2", "CASCADE", "c1"),
        ("p2", "CASCADE", "c2d"),
        ("p1", "CASCADE", "one"),
    }
    assert len(found.links) == 5
    assert {r.top for r in found.relations.values()} == {"public.p", "public.c", "public.one"}


@pytest.mark.parametrize(
    ("index", "serves"),
    [
        ("(x, y)", True),
        ("(y, x, z)", True),
        ("(x)", False),
        ("(z, x, y)", False),
        ("(x, y) WHERE x IS NOT NULL", True),
        ("(x, y) WHERE z > 0", False),
        ("(x, (y + 1))", False),
        ("(x) INCLUDE (y)", False),
    ],
)
def test_which_index_finds_the_rows_of_a_key(conn: Conn, index: str, serves: bool) -> None:  # noqa: FBT001
    """The columns lead it in any order, and it holds all rows that refer to something."""
    conn.execute("CREATE TABLE roots (x int, y int, UNIQUE (x, y))")
    conn.execute(
        "CREATE TABLE a (x int, y int, z int, FOREIGN KEY (x, y) REFERENCES roots (x, y) ON DELETE CASCADE)"
    )
    conn.execute(f"CREATE INDEX ON a {index}")  # type: ignore[arg-type]
    (link,) = find(conn, "roots").links
    assert link.indexed is serves


def test_the_columns_that_set_null_changes(conn: Conn) -> None:
    """All of the key, or those that are listed (PostgreSQL 15)."""
    conn.execute("CREATE TABLE roots (x int, y int, UNIQUE (x, y))")
    for name, listed in (("a", ""), ("b", "(y)")):
        conn.execute(
            f"CREATE TABLE {name} (x int, y int,"  # type: ignore[arg-type]
            f" FOREIGN KEY (x, y) REFERENCES roots (x, y) ON DELETE SET NULL {listed})"
        )
    found = {one.key.table: one.key.set_columns for one in find(conn, "roots").links}
    assert found == {"a": ("x", "y"), "b": ("y",)}


def test_triggers_of_partitions_too(conn: Conn) -> None:
    """A trigger on a partitioned table fires for its leaves; disabled ones do not."""
    for statement in (
        ROOTS,
        "CREATE TABLE c (id int, up int REFERENCES roots ON DELETE CASCADE) PARTITION BY LIST (id)",
        "CREATE TABLE c1 PARTITION OF c DEFAULT",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER t AFTER DELETE ON c FOR EACH ROW EXECUTE FUNCTION f()",
        "CREATE TRIGGER u AFTER UPDATE ON c FOR EACH ROW EXECUTE FUNCTION f()",
        "CREATE TRIGGER off AFTER DELETE ON c FOR EACH ROW EXECUTE FUNCTION f()",
        "ALTER TABLE c1 DISABLE TRIGGER off",
    ):
        conn.execute(statement)  # type: ignore[arg-type]
    relations = {one.table: one for one in find(conn, "roots").relations.values()}
    assert relations["c1"].delete_triggers == ("t",)
    assert relations["c1"].update_triggers == ("u",)
    assert relations["roots"].delete_triggers == ()


def test_too_many_to_follow(conn: Conn, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a bound, and beyond it nothing is said rather than a part."""
    conn.execute(ROOTS)
    conn.execute(child("a"))
    conn.execute(child("b"))
    monkeypatch.setattr(links, "MOST_LINKS", 1)
    (oid,) = conn.execute("SELECT 'roots'::regclass::oid").fetchone() or ()
    assert links.find(Reader(conn), [oid]) is None
