"""Orphans go after two looks; a parent that is on its way saves its child."""

import subprocess
from typing import Any, LiteralString
from unittest import mock

import psycopg
import pytest
from psycopg import sql

from maintcli.db import example
from maintcli.engines.foreign_keys import recheck
from tests.parts.beside import count, kill_at_gate, shut_gate, uncommitted
from tests.parts.cli import Maint
from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[Any, ...]]
JOB = "cleanup-orphans"
ORPHANS: LiteralString = "owner >= 1000"


def fill(conn: Conn, orphans: int = 20, *, age: str = "2 days") -> None:
    """Users 1 to 10 with a file each, and as many files of users who are gone, from 1000 on."""
    conn.execute(
        "INSERT INTO users (id, email) OVERRIDING SYSTEM VALUE"
        " SELECT i, 'u' || i FROM generate_series(1, 10) i"
    )
    conn.execute(
        "INSERT INTO stored_files SELECT 'kept ' || i, i, 1, now() - interval '9 days'"
        " FROM generate_series(1, 10) i"
    )
    conn.execute(
        "INSERT INTO stored_files SELECT 'gone ' || i, 999 + i, 1, now() - %s::interval"
        " FROM generate_series(1, %s) i",
        [age, orphans],
    )


def toml(inside: Inside, *lines: str) -> None:
    """Write maint.toml."""
    (inside.folder / "maint.toml").write_text("\n".join(lines))


# -- what goes and what stays


def test_orphans_go_and_children_stay(inside: Inside, conn: Conn) -> None:
    """Exactly the rows without a parent, and the ledger says how many."""
    fill(conn)
    found = inside(JOB, "--json")
    assert found.code == 0, found.err
    assert (found.json["deleted_count"], found.json["locked_count"]) == (20, 0)
    assert found.json["tables"] == {"public.stored_files": 20}
    assert (count(conn, "stored_files"), count(conn, "stored_files", ORPHANS)) == (10, 0)
    assert count(conn, "job_runs", "deleted_count = 20 AND outcome = 'success'") == 1
    assert inside(JOB, "--json").json["deleted_count"] == 0


def test_a_young_orphan_may_still_wait_for_its_parent(inside: Inside, conn: Conn) -> None:
    """Within the grace age nothing goes; `--grace` moves it, and is bounded from below."""
    fill(conn, age="2 hours")
    assert inside(JOB, "--json").json["deleted_count"] == 0
    refused = inside(JOB, "--grace", "0")
    assert refused.code == 65
    assert "at least 1m" in refused.err
    sooner = ("--grace", "1h", "--yes-really", "20")  # a shorter grace is asked about
    assert inside(JOB, *sooner, "--json").json["deleted_count"] == 20


def test_a_child_without_a_value_misses_no_parent(inside: Inside, conn: Conn) -> None:
    """NULL is no orphan; neither is a row whose parent has the same value in another table."""
    fill(conn, 1)
    conn.execute("ALTER TABLE stored_files ALTER owner DROP NOT NULL")
    conn.execute("INSERT INTO stored_files VALUES ('null', NULL, 1, now() - interval '9 days')")
    assert inside(JOB, "--json").json["deleted_count"] == 1
    assert count(conn, "stored_files", "owner IS NULL") == 1


def test_the_example_data_has_orphans(inside: Inside, conn: Conn) -> None:
    """As many as the sample promises, and a dry run counts the same ones beforehand."""
    example.fill(conn)
    expected = count(
        conn,
        "stored_files",
        "created_at < now() - interval '24 h' AND NOT EXISTS (SELECT FROM users u WHERE u.id = owner)",
    )
    dry = inside(JOB, "-n", "--json").json
    assert dry["deleted_count"] == dry["tables"]["public.stored_files"] == expected > 0
    assert inside(JOB, "--json").json["deleted_count"] == expected


def test_many_windows_and_partitions(inside: Inside, conn: Conn) -> None:
    """A child of several partitions and hundreds of blocks, next to a parent of the same name."""
    conn.execute("CREATE TABLE orders (order_id int PRIMARY KEY)")
    conn.execute("INSERT INTO orders SELECT generate_series(0, 60000, 2)")
    conn.execute(
        "CREATE TABLE items (order_id int, created_at timestamptz) PARTITION BY HASH (order_id)"
    )
    for i in range(3):
        conn.execute(
            sql.SQL(
                "CREATE TABLE {} PARTITION OF items FOR VALUES WITH (MODULUS 3, REMAINDER {})"
            ).format(sql.Identifier(f"items_{i}"), i)
        )
    conn.execute(
        "INSERT INTO items SELECT i, now() - interval '2 d' FROM generate_series(1, 60000) i"
    )
    pair = "items.order_id -> orders.order_id"
    found = inside(JOB, "--pairs", pair, "--json", "--max-percent", "100")
    assert found.json.get("deleted_count") == 30_000, found.err
    assert count(conn, "items", "order_id % 2 = 1") == 0
    assert count(conn, "items") == 30_000


def test_several_pairs_are_one_run(inside: Inside, conn: Conn) -> None:
    """Each with its own figures, its own age column, and types of one family."""
    fill(conn, 3)
    conn.execute("CREATE TABLE notes (user_id integer, written date)")
    conn.execute("INSERT INTO notes VALUES (1, '2020-01-01'), (7777, '2020-01-01'), (7777, now())")
    toml(
        inside,
        "[jobs.cleanup-orphans]",
        'pairs = ["stored_files.owner -> users.id", "notes.user_id -> users.id by written"]',
    )
    found = inside(JOB, "--json").json
    assert found["tables"] == {"public.stored_files": 3, "public.notes": 1}
    assert found["deleted_count"] == 4


def test_names_are_mapped_and_odd_ones_quoted(inside: Inside, conn: Conn) -> None:
    """By [tables.KEY], or as written with quotes."""
    conn.execute('CREATE SCHEMA "My App"')
    conn.execute('CREATE TABLE "My App"."us.ers" ("the id" bigint PRIMARY KEY)')
    conn.execute('INSERT INTO "My App"."us.ers" VALUES (1)')
    conn.execute('CREATE TABLE "My App"."fi$maint$les" ("own""er" bigint, "made at" timestamp)')
    rows = "INSERT INTO \"My App\".\"fi$maint$les\" VALUES (1, '2020-01-01'), (2, '2020-01-01')"
    conn.execute(rows)
    toml(
        inside,
        "[tables.users]",
        'name = \'"My App"."us.ers"\'',
        'columns = { id = "the id" }',
        "[tables.stored_files]",
        'name = \'"My App"."fi$maint$les"\'',
        'columns = { owner = \'own"er\', created_at = "made at" }',
        'timezone = "UTC"',
    )
    found = inside(JOB, "--json")
    assert found.json.get("deleted_count") == 1, found.err
    conn.execute('ALTER TABLE "My App"."fi$maint$les" ALTER "made at" TYPE timestamptz')
    conn.execute(rows)
    (inside.folder / "maint.toml").write_text("")
    pair = '"My App"."fi$maint$les"."own""er"->"My App"."us.ers"."the id" by "made at"'
    found = inside(JOB, "--pairs", pair, "--json")
    assert found.json.get("deleted_count") == 1, found.err


# -- others at work


NEW_PARENT: LiteralString = (
    "INSERT INTO users (id, email) OVERRIDING SYSTEM VALUE VALUES (1000, 'late')"
)


@pytest.mark.usefixtures("patient")
def test_a_parent_that_is_being_inserted_saves_its_child(
    inside: Inside, conn: Conn, db: str
) -> None:
    """Uncommitted at the first look, committed while the second waits: the child stays."""
    fill(conn)
    with uncommitted(conn, db, NEW_PARENT):
        found = inside(JOB, "--json")
    assert (found.code, found.json["deleted_count"]) == (0, 19), found.err
    assert count(conn, "stored_files", "owner = 1000") == 1


def test_without_the_lock_it_would_have_died(inside: Inside, conn: Conn, db: str) -> None:
    """The mutant: the same statements without LOCK TABLE delete the child."""
    fill(conn)
    unlocked = mock.patch.object(recheck.Seen, "lock", None)
    with unlocked, uncommitted(conn, db, NEW_PARENT, wait=False):
        found = inside(JOB, "--json")
    assert (found.code, found.json["deleted_count"]) == (0, 20), found.err
    assert count(conn, "stored_files", "owner = 1000") == 0


def test_a_parent_s_table_that_stays_locked_leaves_the_orphans(
    inside: Inside, conn: Conn, db: str
) -> None:
    """What could not be looked at again is counted and left to the next run; a success."""
    fill(conn)
    with uncommitted(conn, db, NEW_PARENT, wait=False) as application:
        found = inside(JOB, "--json", "--timeout", "1m")
        assert (found.code, found.json["deleted_count"]) == (0, 0), found.err
        assert found.json["locked_count"] == found.json["backlog"] == 20
        application.commit()
    assert any("the next run tries again" in warning for warning in found.json["warnings"])
    assert inside(JOB, "--json").json["deleted_count"] == 19
    assert count(conn, "stored_files", "owner = 1000") == 1


def test_a_child_that_is_given_a_parent_stays(inside: Inside, conn: Conn, db: str) -> None:
    """A locked child is left; once it points at a user who is there it is no orphan."""
    fill(conn)
    given: LiteralString = "UPDATE stored_files SET owner = 1 WHERE owner = 1000"
    with uncommitted(conn, db, given, wait=False) as application:
        found = inside(JOB, "--json")
        assert (found.json["deleted_count"], found.json["locked_count"]) == (19, 1), found.err
        application.commit()
    assert inside(JOB, "--json").json["deleted_count"] == 0
    assert count(conn, "stored_files", "object_key = 'gone 1' AND owner = 1") == 1


def test_another_version_of_the_row_is_not_the_row_that_was_seen(
    inside: Inside, conn: Conn
) -> None:
    """Changed between the looks, again and again, an orphan is left to the next run."""
    fill(conn)
    real = recheck.Seen.look

    def changed(self: recheck.Seen) -> None:
        real(self)
        conn.execute("UPDATE stored_files SET size_bytes = size_bytes + 1 WHERE owner = 1000")

    with mock.patch.object(recheck.Seen, "look", changed):
        found = inside(JOB, "--json").json
    assert (found["deleted_count"], found["backlog"]) == (19, 1)
    assert inside(JOB, "--json").json["deleted_count"] == 1


def test_a_killed_run_loses_no_row_and_counts_each(maint: Maint, conn: Conn, db: str) -> None:
    """SIGKILL in a batch: the server finishes it; both runs' counts are all rows that went."""
    fill(conn, 3_000)
    shut_gate(conn, "stored_files")
    process = start(maint, db)
    kill_at_gate(conn, process)
    counted = conn.execute("SELECT deleted_count, outcome FROM job_runs").fetchall()
    assert counted == [(3_000 - count(conn, "stored_files", ORPHANS), "running")]
    assert 0 < counted[0][0] < 3_000
    again_ = maint(JOB, "--json", "--max-percent", "100", env={"DATABASE_URL": db})
    assert again_.json["deleted_count"] == 3_000 - counted[0][0]
    assert (count(conn, "stored_files"), count(conn, "stored_files", ORPHANS)) == (10, 0)


def start(maint: Maint, db: str) -> subprocess.Popen[str]:
    """A run in small batches."""
    words = (JOB, "--batch-target", "1ms", "--max-percent", "100")
    return maint.start(*words, env={"DATABASE_URL": db})


# -- what holds on to them, and what goes with them


def test_what_cascades_is_said_and_what_holds_on_is_left(inside: Inside, conn: Conn) -> None:
    """Rows of a restricting table keep their orphan, exit 3; the others go with theirs."""
    fill(conn, 5)
    conn.execute(
        "CREATE TABLE previews (object_key text REFERENCES stored_files ON DELETE CASCADE)"
    )
    conn.execute("CREATE TABLE pins (object_key text REFERENCES stored_files)")
    conn.execute("INSERT INTO previews VALUES ('gone 1'), ('gone 2')")
    conn.execute("INSERT INTO pins VALUES ('gone 2')")
    dry = inside(JOB, "-n", "--json")
    assert (dry.json["deleted_count"], dry.json["blocked_count"]) == (4, 1)
    assert "would delete 1 row of public.previews with them" in dry.err
    found = inside(JOB, "--json")
    assert (found.code, found.json["outcome"]) == (3, "partial")
    assert (found.json["deleted_count"], found.json["blocked_count"]) == (4, 1)
    assert "public.pins (pins_object_key_fkey) refers to them" in found.json["message"]
    assert conn.execute("SELECT object_key FROM previews").fetchall() == [("gone 2",)]


# -- guards, bad input, dry run


def test_guards(inside: Inside, conn: Conn) -> None:
    """Over half of the child, or a parent without a row, is refused before the first row."""
    fill(conn, 2_000)
    refused = inside(JOB)
    assert refused.code == 65
    assert "2,000 old rows whose owner is not in public.users.id, " in refused.err
    assert inside(JOB, "--max-rows", "1999", "--max-percent", "100").code == 65
    assert count(conn, "stored_files", ORPHANS) == 2_000
    assert inside(JOB, "--yes-really", "2000", "--json").json["deleted_count"] == 2_000


def test_a_pair_without_any_match_is_refused_at_any_size(inside: Inside, conn: Conn) -> None:
    """An empty parent, or the wrong column: not one row goes unless it is meant."""
    fill(conn, 3)
    conn.execute("DELETE FROM users")
    for mode in ((), ("--dry-run",)):
        refused = inside(JOB, *mode)
        assert refused.code == 65, refused.err
        assert "no row of public.stored_files has a match in public.users.id" in refused.err
    assert count(conn, "stored_files") == 13
    few = inside(JOB, "--yes-really", "12")
    assert few.code == 65
    assert (
        "has 13 old rows whose owner is not in public.users.id; --yes-really allows 12" in few.err
    )
    assert inside(JOB, "--yes-really", "13", "--json").json["deleted_count"] == 13
    assert inside(JOB, "--json").json["deleted_count"] == 0  # no child: nothing to refuse


def test_a_limit_ends_the_run_with_a_backlog(inside: Inside, conn: Conn) -> None:
    """Exactly so many rows; what is left is counted."""
    fill(conn)
    found = inside(JOB, "--limit", "7", "--json")
    assert (found.code, found.json["deleted_count"], found.json["backlog"]) == (0, 7, 13), found.err
    assert count(conn, "stored_files", ORPHANS) == 13


BAD = [
    ("stored_files.owner = users.id", "is not a pair"),
    ("stored_files.owner -> users", "is not a pair"),
    ("stored_files -> users.id", "is not a pair"),
    ("stored_files.owner -> users.id by", "is not a pair"),
    ("stored_files.(owner) -> users.(id)", "keys of several columns cannot be followed"),
    ("stored_fils.owner -> users.id", "names the table stored_fils, which does not exist"),
    ("stored_files.ownr -> users.id", "needs the column ownr, which public.stored_files"),
    ("stored_files.owner -> users.uid", "needs the column uid, which public.users"),
    ("stored_files.owner -> users.id by made", "needs the column made, which public.stored_files"),
    ("stored_files.owner -> users.email", "of type bigint and public.users.email of type text"),
    ("stored_files.object_key -> stored_files.object_key", "in the child's own table"),
    ("chats.user_id -> users.id", "public.chats is a view"),
    ("stored_files.owner -> users.id by object_key", "is not a time"),
]


@pytest.mark.parametrize(("pair", "clause"), BAD, ids=[pair for pair, _ in BAD])
def test_bad_pairs_are_one_sentence(inside: Inside, conn: Conn, pair: str, clause: str) -> None:
    """Exit 78, what is wrong and where, and nothing touched."""
    fill(conn)
    conn.execute("CREATE VIEW chats AS SELECT * FROM chat_sessions")
    found = inside(JOB, "--pairs", pair)
    assert found.code == 78, found.err
    assert clause in found.err
    assert "is not a time" in clause or "--pairs: " in found.err
    assert count(conn, "stored_files") == 30


def test_a_composite_foreign_key_is_no_reason_to_guess(inside: Inside, conn: Conn) -> None:
    """Two columns in one pair are refused in maint.toml too, with the place."""
    toml(inside, "[jobs.cleanup-orphans]", 'pairs = ["a.(x, y) -> b.(x, y)"]')
    found = inside(JOB)
    assert found.code == 78
    assert "maint.toml [jobs.cleanup-orphans] pairs" in found.err
    assert count(conn, "stored_files") == 0


def test_a_missing_index_is_named(inside: Inside, conn: Conn) -> None:
    """With the statement to paste."""
    fill(conn)
    conn.execute("CREATE TABLE people (id bigint)")
    conn.execute("INSERT INTO people SELECT id FROM users")
    found = inside(JOB, "--pairs", "stored_files.owner -> people.id", "--json")
    assert found.json["deleted_count"] == 20
    assert any(
        'CREATE INDEX CONCURRENTLY ON "public"."people" ("id");' in warning
        for warning in found.json["warnings"]
    )


def test_a_dry_run_needs_only_select(inside: Inside, conn: Conn, reader: str) -> None:
    """It writes nothing, says which rows of which pair, and the real run says what it lacks."""
    fill(conn)
    dry = inside(JOB, "-n", "--json", env={"DATABASE_URL": reader})
    assert (dry.code, dry.json["deleted_count"]) == (0, 20), dry.err
    assert "whose owner is not in public.users.id" in dry.err
    assert (count(conn, "stored_files"), count(conn, "job_runs")) == (30, 0)
    conn.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO reader")
    conn.execute("REVOKE UPDATE, DELETE ON users FROM reader")
    found = inside(JOB, env={"DATABASE_URL": reader})
    assert found.code == 77
    assert 'ON "public"."users" TO "reader"' in found.err  # UPDATE, or MAINTAIN
    conn.execute("GRANT UPDATE ON users TO reader")
    conn.execute("REVOKE UPDATE ON stored_files FROM reader")
    found = inside(JOB, env={"DATABASE_URL": reader})
    assert found.code == 77
    assert 'GRANT UPDATE ("object_key") ON "public"."stored_files"' in found.err


def test_hidden_parents_are_not_missing_ones(inside: Inside, conn: Conn, reader: str) -> None:
    """Row-level security on the parent would make orphans of everybody: refused."""
    fill(conn)
    conn.execute("ALTER TABLE users ENABLE ROW LEVEL SECURITY")
    found = inside(JOB, "-n", env={"DATABASE_URL": reader})
    assert found.code == 77
    assert "Row-level security on public.users" in found.err
