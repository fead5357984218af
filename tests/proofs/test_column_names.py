"""Proof: a user's columns may be called as our own variables, aliases and functions are."""

from collections.abc import Iterable
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.jobs.every import EVERY, HISTORY, SWEEP, Every, fill, one
from tests.parts.inside import Inside
from tests.parts.sql_words import words

Conn = psycopg.Connection[Any]
USERS = [every for every in EVERY if every is not HISTORY]  # that one has no table of the user's


def add_columns(conn: Conn, tables: Iterable[str]) -> None:
    """A column for each name that stands in maint's SQL, on each of `tables`."""
    assert {"found", "name", "gone"} <= set(words())
    for table in tables:
        there = conn.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass", [table]
        ).fetchall()
        new = [name for name in words() if (name,) not in there]
        columns = sql.SQL(", ").join(
            sql.SQL("ADD COLUMN {} text").format(sql.Identifier(name)) for name in new
        )
        conn.execute(sql.SQL("ALTER TABLE {} {}").format(sql.Identifier(table), columns))


@pytest.mark.parametrize("every", USERS, ids=str)
def test_columns_called_like_our_names_change_nothing(
    inside: Inside, conn: Conn, every: Every
) -> None:
    """A dry run and a real one, by the rows themselves."""
    (inside.folder / "maint.toml").write_text(every.toml)
    due = fill(conn, every, stale=12, fresh=7)
    fresh = one(conn, every.fresh)
    add_columns(conn, every.tables)
    dry = inside(*every.command, "--dry-run", "--json")
    assert dry.code == 0, dry.err
    real = inside(*every.command, "--json")
    assert real.code == 0, real.err
    assert dry.json[every.figure] == real.json[every.figure] == due
    assert (one(conn, every.stale), one(conn, every.fresh)) == (0, fresh)


def test_such_rows_come_back_from_an_archive(inside: Inside, conn: Conn) -> None:
    """Those that are there again meanwhile stay as they are."""
    (inside.folder / "maint.toml").write_text(SWEEP.toml)
    due = fill(conn, SWEEP, stale=12, fresh=7)
    add_columns(conn, SWEEP.tables)
    gone = inside(*SWEEP.command, "--archive", "archive", "--json")
    assert (gone.code, one(conn, SWEEP.stale)) == (0, 0), gone.err
    conn.execute("INSERT INTO letters (id, found) VALUES (1, 'new')")
    back = inside("restore", gone.json["run_id"], "--json")
    assert back.code == 0, back.err
    assert one(conn, SWEEP.stale) == due - 1
    assert one(conn, "SELECT found FROM letters WHERE id = 1") == "new"


_EVENTS = """
CREATE TABLE ev (id integer, found boolean, name text, at timestamptz{key}) {kind};
{parts};
INSERT INTO {into} SELECT i, i % 2 = 0, 'n' || i % 2, now() - interval '60 d'
FROM generate_series(1, 4000) AS i;
{index}
"""
_KINDS = {
    "plain": {"kind": "", "parts": "SELECT", "into": "ev"},
    "partitioned": {
        "kind": "PARTITION BY RANGE (id)",
        "parts": "CREATE TABLE ev_1 PARTITION OF ev FOR VALUES FROM (0) TO (2000);"
        "CREATE TABLE ev_2 PARTITION OF ev DEFAULT",
        "into": "ev",
    },
    "inherited": {"kind": "", "parts": "CREATE TABLE ev_1 () INHERITS (ev)", "into": "ev_1"},
}
_CONDITION = """FOUND AND ev.found AND "ev" . name = $$n0$$ AND (NOT found) IS NOT TRUE"""
_LINK = "CREATE TABLE note (id integer REFERENCES ev ON DELETE CASCADE);"


@pytest.mark.parametrize(
    ("kind", "linked"),
    [
        ("plain", False),
        ("partitioned", False),
        ("inherited", False),
        ("plain", True),
        ("partitioned", True),
    ],
)
def test_condition_may_name_its_table_and_such_columns(
    inside: Inside, conn: Conn, kind: str, *, linked: bool
) -> None:
    """Rows that it is true of go, from leaves as well, also where others refer to them."""
    parts = {"key": ", PRIMARY KEY (id)" if linked else "", "index": _LINK if linked else ""}
    conn.execute(_EVENTS.format(**_KINDS[kind], **parts).encode())
    (inside.folder / "maint.toml").write_text(
        '[sweeps.old-ev]\ntable = "ev"\ncolumn = "at"\nkeep = "30d"\nallow-sql = true\n'
        f"where = '''{_CONDITION}'''\n"
    )
    dry = inside("old-ev", "--dry-run", "--json")
    assert (dry.code, dry.json["deleted_count"]) == (0, 2000), dry.err
    archived = ("--archive", "archive") if linked else ()
    real = inside("old-ev", *archived, "--json")
    assert (real.code, real.json["deleted_count"]) == (0, 2000), real.err
    assert one(conn, "SELECT count(*) FROM ev") == one(
        conn, "SELECT count(*) FROM ev WHERE NOT found"
    )


def test_column_called_like_a_variable_of_ours_is_refused(inside: Inside, conn: Conn) -> None:
    """On the table, and on one that is reached; no row goes."""
    (inside.folder / "maint.toml").write_text(SWEEP.toml)
    due = fill(conn, SWEEP, stale=3, fresh=2)
    for table in ("letters", "stamps"):
        conn.execute(sql.SQL("ALTER TABLE {} ADD maint_n bigint").format(sql.Identifier(table)))
        for options in ((), ("--dry-run",), ("--archive", "archive")):
            refused = inside(*SWEEP.command, *options)
            assert (refused.code, one(conn, SWEEP.stale)) == (78, due)
            assert f"{table} has a column maint_n" in refused.err
        conn.execute(sql.SQL("ALTER TABLE {} DROP maint_n").format(sql.Identifier(table)))
    assert inside(*SWEEP.command).code == 0
