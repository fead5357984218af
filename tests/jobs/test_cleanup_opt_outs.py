"""What is held of users who opted out goes, and is certified; opting back in wins."""

import json
from typing import Any, LiteralString
from unittest import mock

import psycopg
import pytest
from psycopg import sql

from maintcli.db import example
from maintcli.engines.base.pacing import Budget
from maintcli.engines.erase import batch
from maintcli.engines.erase.erasure import Erasure
from maintcli.engines.erase.users import User
from tests.parts.beside import count, kill_at_gate, shut_gate, uncommitted
from tests.parts.cli import Maint
from tests.parts.inside import Inside

Conn = psycopg.Connection[tuple[Any, ...]]
JOB = "cleanup-opt-outs"
FIGURES = {"erased_count", "deleted_count", "kept_count", "locked_count", "blocked_count", "tables"}


def fill(conn: Conn, users: int = 6, out: int = 3, messages: int = 4) -> None:
    """Users 1, 2, …; the first `out` have opted out. Each has a chat, a file, an event, a bill."""
    conn.execute(
        "INSERT INTO users (id, email, opted_out_at) OVERRIDING SYSTEM VALUE"
        " SELECT i, 'u' || i, CASE WHEN i <= %s THEN now() - interval '1 day' END"
        " FROM generate_series(1, %s) i",
        [out, users],
    )
    conn.execute("INSERT INTO chat_sessions (user_id) SELECT id FROM users")
    conn.execute(
        "INSERT INTO chat_messages (session_id, role, content)"
        " SELECT id, 'user', 'hello' FROM chat_sessions, generate_series(1, %s)",
        [messages],
    )
    conn.execute("INSERT INTO stored_files SELECT 'of ' || id, id, 1 FROM users")
    conn.execute("INSERT INTO analytics_events (event_type, user_id) SELECT 'login', id FROM users")
    conn.execute(
        "INSERT INTO billing_accounts (user_id, period_anchor, period_start, period_end, pages_limit)"
        " SELECT id, now(), now(), now() + interval '1 month', 10 FROM users"
    )


def certificates(conn: Conn) -> list[tuple[str, bool, dict[str, int]]]:
    """Subject, whether all is gone, and the counts."""
    query = "SELECT subject, erased_at IS NOT NULL, counts FROM job_erasures ORDER BY id"
    return conn.execute(query).fetchall()


WHOLE = {
    "public.chat_messages": 4,
    "public.chat_sessions": 1,
    "public.stored_files": 1,
    "public.analytics_events": 1,
}
"""What `fill` gives each user, without the bill."""


# -- what goes and what stays


def test_all_that_is_held_goes_and_the_user_s_row_stays(inside: Inside, conn: Conn) -> None:
    """Of those who opted out, and of nobody else; stamped, counted, certified without content."""
    fill(conn)
    found = inside(JOB, "--json")
    assert found.code == 0, found.err
    assert set(found.json) >= FIGURES
    assert (found.json["erased_count"], found.json["deleted_count"]) == (3, 21)
    assert {t: n for t, n in found.json["tables"].items() if n} == {
        t: 3 * n for t, n in WHOLE.items()
    }
    assert count(conn, "users", "data_erased_at IS NOT NULL AND id <= 3") == 3
    assert (count(conn, "users"), count(conn, "users", "data_erased_at IS NULL")) == (6, 3)
    assert (count(conn, "chat_messages"), count(conn, "billing_accounts")) == (12, 6)
    assert (count(conn, "analytics_events"), count(conn, "stored_files")) == (3, 3)
    assert certificates(conn) == [(str(i), True, WHOLE) for i in (1, 2, 3)]
    assert count(conn, "job_erasures e JOIN job_runs r USING (run_id)", "r.deleted_count = 21") == 3
    assert inside(JOB, "--json").json["erased_count"] == 0
    assert len(certificates(conn)) == 3


def test_one_who_left_nothing_behind_is_certified_too(inside: Inside, conn: Conn) -> None:
    """No row anywhere is a finding, with a certificate of no counts."""
    conn.execute("INSERT INTO users (email, opted_out_at) VALUES ('a', now())")
    assert inside(JOB, "--json").json["erased_count"] == 1
    assert [(done, counts) for _, done, counts in certificates(conn)] == [(True, {})]


def test_the_grace_leaves_time_to_come_back(inside: Inside, conn: Conn) -> None:
    """Who opted out less than that ago is not touched."""
    fill(conn)
    assert inside(JOB, "--grace", "2d", "--json").json["erased_count"] == 0
    sooner = ("--grace", "1h", "--yes-really", "24")  # a shorter grace is asked about
    assert inside(JOB, *sooner, "--json").json["erased_count"] == 3
    assert inside(JOB, "--grace", "-1h").code == 65


def test_the_example_data(inside: Inside, conn: Conn) -> None:
    """A dry run says of every table what the real run then deletes."""
    example.fill(conn)
    conn.execute("DELETE FROM usage_counters")  # a table with nothing in it is in neither report
    due = count(conn, "users", "opted_out_at < now() AND data_erased_at IS NULL")
    before = count(conn, "users")
    dry = inside(JOB, "-n", "--json").json
    real = inside(JOB, "--json").json
    assert (real["erased_count"], before) == (due, count(conn, "users"))
    for figure in ("erased_count", "deleted_count"):
        assert dry[figure] == real[figure] > 0
    assert dry["tables"] == real["tables"]
    assert 0 not in real["tables"].values()
    assert {"public.source_files", "public.chat_messages"} <= set(real["tables"])


def test_billing_goes_only_where_listed(inside: Inside, conn: Conn) -> None:
    """Children first, whatever the order of the list, over keys that forbid otherwise."""
    fill(conn)
    conn.execute("INSERT INTO period_resets SELECT user_id, now(), 5 FROM billing_accounts")
    tables = "billing_accounts.user_id,period_resets.user_id"
    found = inside(JOB, "--tables", tables, "--json")
    assert (found.code, found.json["deleted_count"]) == (0, 6), found.err
    assert (count(conn, "billing_accounts"), count(conn, "period_resets")) == (3, 3)


@pytest.mark.usefixtures("steady")
def test_many_rows_go_in_many_batches(inside: Inside, conn: Conn) -> None:
    """A user with thousands of messages is no single transaction, and the counts are exact."""
    fill(conn, 2, 1, messages=4_000)
    found = inside(JOB, "--json").json
    assert (found["erased_count"], found["tables"]["public.chat_messages"]) == (1, 4_000)
    assert found["batches"] > 1
    assert certificates(conn) == [("1", True, WHOLE | {"public.chat_messages": 4_000})]
    assert count(conn, "job_runs", "deleted_count = 4003") == 1


def test_names_are_mapped_and_odd_ones_quoted(inside: Inside, conn: Conn) -> None:
    """Users by [tables.users], with keys of another type; lists by name; partitions too."""
    conn.execute('CREATE SCHEMA "My App"')
    conn.execute(
        'CREATE TABLE "My App"."pe$maint$ople" ("u id" text PRIMARY KEY, "left at" timestamp,'
        ' "gone at" timestamp)'
    )
    conn.execute(
        "INSERT INTO \"My App\".\"pe$maint$ople\" VALUES ('o''b', '2020-01-01'), ('al', NULL)"
    )
    conn.execute('CREATE TABLE "My App"."po""sts" (author varchar(9)) PARTITION BY HASH (author)')
    for i in range(2):
        part = sql.SQL(
            'CREATE TABLE {} PARTITION OF "My App"."po""sts" FOR VALUES WITH (MODULUS 2, REMAINDER {})'
        )
        conn.execute(part.format(sql.Identifier("My App", f"p{i}"), i))
    conn.execute("INSERT INTO \"My App\".\"po\"\"sts\" VALUES ('o''b'), ('o''b'), ('al')")
    (inside.folder / "maint.toml").write_text(
        "[tables.users]\n"
        'name = \'"My App"."pe$maint$ople"\'\n'
        'columns = { id = "u id", opted_out_at = "left at", data_erased_at = "gone at" }\n'
        'timezone = "UTC"\n'
        "[jobs.cleanup-opt-outs]\n"
        'tables = [\'"My App"."po""sts".author\']\n'
    )
    found = inside(JOB, "--json")
    assert (found.json.get("erased_count"), found.json.get("deleted_count")) == (1, 2), found.err
    rows = conn.execute(
        "SELECT \"u id\", \"gone at\" > now() AT TIME ZONE 'UTC' - interval '1 h'"
        ' FROM "My App"."pe$maint$ople" ORDER BY 1'
    ).fetchall()
    assert rows == [("al", None), ("o'b", True)]


# -- opting back in


BACK_IN: LiteralString = "UPDATE users SET opted_out_at = NULL WHERE id = 1"


@pytest.mark.usefixtures("patient")
def test_opting_back_in_wins(inside: Inside, conn: Conn, db: str) -> None:
    """Uncommitted when the job chose its users: not one row of that user goes."""
    fill(conn)
    with uncommitted(conn, db, BACK_IN):
        found = inside(JOB, "--json")
    assert (found.code, found.json["erased_count"], found.json["kept_count"]) == (0, 2, 1), (
        found.err
    )
    assert "user 1 opted back in" in found.err
    assert (
        count(conn, "chat_messages m JOIN chat_sessions s ON s.id = session_id", "user_id = 1") == 4
    )
    assert count(conn, "users", "id = 1 AND data_erased_at IS NULL") == 1
    assert [subject for subject, _, _ in certificates(conn)] == ["2", "3"]


def test_without_the_lock_it_would_have_been_erased(inside: Inside, conn: Conn, db: str) -> None:
    """The mutant: a batch that does not lock the user deletes what it should not."""
    fill(conn)
    unlocked = sql.SQL(batch._BITE.as_string().replace("FOR UPDATE{skip}", "{skip}"))  # type: ignore[arg-type]
    with (
        mock.patch.object(batch, "_BITE", unlocked),
        mock.patch.object(batch, "_LAST_LOOK", sql.SQL("        maint_state := 'left';")),
        uncommitted(conn, db, BACK_IN, wait=False),
    ):
        inside(JOB, "--json")
    assert count(conn, "chat_sessions", "user_id = 1") == 0


@pytest.mark.usefixtures("steady")
def test_back_in_midway_keeps_the_rest(inside: Inside, conn: Conn) -> None:
    """Some batches are gone, the rest stays, and the open certificate says how many were erased."""
    fill(conn, 2, 1, messages=5_000)
    real, calls = batch.Eraser.step, 0

    def counted(self: batch.Eraser, *arguments: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            conn.execute("UPDATE users SET opted_out_at = NULL WHERE id = 1")
        return real(self, *arguments, **more)

    with mock.patch.object(batch.Eraser, "step", counted):
        found = inside(JOB, "--json")
    assert (found.json["erased_count"], found.json["kept_count"]) == (0, 1), found.err
    gone = found.json["deleted_count"]
    assert 0 < gone < 5_000
    assert count(conn, "chat_messages") == 10_000 - gone
    assert certificates(conn) == [("1", False, {"public.chat_messages": gone})]


def test_a_user_who_stays_locked_is_left_to_the_next_run(
    inside: Inside, conn: Conn, db: str
) -> None:
    """Counted, warned about, tried twice; the others are done."""
    fill(conn)
    with uncommitted(conn, db, BACK_IN, wait=False):
        found = inside(JOB, "--json")
        assert (found.code, found.json["erased_count"], found.json["locked_count"]) == (0, 2, 1)
    assert found.json["backlog"] == 1
    assert any("locked by other sessions" in warning for warning in found.json["warnings"])


def test_time_that_is_over_before_the_second_try_forgets_nobody(
    inside: Inside, conn: Conn, db: str
) -> None:
    """Who was locked, and is not tried again for want of time, is still counted as locked."""
    fill(conn)
    real, ends = Erasure._erase, list[str]()

    def erase(self: Erasure, user: User) -> str:
        ends.append(real(self, user))
        return ends[-1]

    left = property(lambda _budget: 1.0 if len(ends) < 3 else 0.0)
    with (
        uncommitted(conn, db, BACK_IN, wait=False),
        mock.patch.object(Erasure, "_erase", erase),
        mock.patch.object(Budget, "seconds_left", left),
    ):
        found = inside(JOB, "--json", "--max-seconds", "60")
    assert (found.json["erased_count"], found.json["locked_count"]) == (2, 1), found.err


def test_a_locked_row_leaves_its_user_unstamped(inside: Inside, conn: Conn, db: str) -> None:
    """What others hold is not waited for; the next run finds it and finishes the certificate."""
    fill(conn)
    with psycopg.connect(db) as other:
        other.execute("SELECT FROM stored_files WHERE owner = 1 FOR UPDATE")
        found = inside(JOB, "--json").json
        assert (found["erased_count"], found["locked_count"], found["deleted_count"]) == (2, 1, 20)
    found = inside(JOB, "--json").json
    assert (found["erased_count"], found["deleted_count"]) == (1, 1)
    assert {t: n for t, n in found["tables"].items() if n} == {"public.stored_files": 1}
    assert sorted(certificates(conn)) == [(str(i), True, WHOLE) for i in (1, 2, 3)]


@pytest.mark.usefixtures("steady")
def test_rows_that_come_in_between_are_found_by_the_last_look(inside: Inside, conn: Conn) -> None:
    """No stamp while anything is there: what was added meanwhile goes in another round."""
    fill(conn, 1, 1, messages=3_000)
    real, calls = batch.Eraser.step, 0

    def adding(self: batch.Eraser, *arguments: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            conn.execute(
                "INSERT INTO chat_messages (session_id, role, content)"
                " SELECT id, 'user', 'late' FROM chat_sessions"
            )
        return real(self, *arguments, **more)

    with mock.patch.object(batch.Eraser, "step", adding):
        found = inside(JOB, "--json").json
    assert (found["erased_count"], found["tables"]["public.chat_messages"]) == (1, 3_001)
    assert count(conn, "chat_messages") == 0


# -- kills


def test_a_killed_run_is_gone_on_with(maint: Maint, conn: Conn, db: str) -> None:
    """SIGKILL in mid-user: no stamp yet, exact counts, and the next run finishes the certificate."""
    fill(conn, 2, 1, messages=6_000)
    shut_gate(conn, "chat_messages")
    words = (JOB, "--batch-target", "1ms", "--max-percent", "100", "--json")
    process = maint.start(*words, env={"DATABASE_URL": db})
    kill_at_gate(conn, process)
    gone = 12_000 - count(conn, "chat_messages")
    assert 0 < gone < 6_000
    assert count(conn, "users", "data_erased_at IS NOT NULL") == 0
    assert certificates(conn) == [("1", False, {"public.chat_messages": gone})]
    assert conn.execute("SELECT deleted_count FROM job_runs").fetchall() == [(gone,)]
    found = maint(*words, env={"DATABASE_URL": db}).json
    assert found["erased_count"] == 1
    assert found["tables"]["public.chat_messages"] == 6_000 - gone
    assert certificates(conn) == [("1", True, WHOLE | {"public.chat_messages": 6_000})]
    assert count(conn, "chat_messages") == 6_000


# -- what holds on


def test_a_user_whose_rows_are_held_on_to_is_left_unstamped(inside: Inside, conn: Conn) -> None:
    """Exit 3, the table named; the rest of that user, and the others, are erased."""
    fill(conn)
    conn.execute("CREATE TABLE exhibits (message_id bigint REFERENCES chat_messages)")
    conn.execute(
        "INSERT INTO exhibits SELECT min(m.id) FROM chat_messages m"
        " JOIN chat_sessions s ON s.id = m.session_id WHERE s.user_id = 2"
    )
    dry = inside(JOB, "-n", "--json")
    assert (dry.json["erased_count"], dry.json["blocked_count"]) == (2, 1)
    assert "rows of public.exhibits hold on to rows of 1 user" in dry.err
    found = inside(JOB, "--json")
    assert (found.code, found.json["outcome"]) == (3, "partial")
    assert (found.json["erased_count"], found.json["blocked_count"]) == (2, 1)
    assert "public.exhibits" in found.json["message"]
    assert (count(conn, "chat_messages"), count(conn, "chat_sessions")) == (13, 4)
    assert count(conn, "users", "data_erased_at IS NOT NULL") == 2
    conn.execute("DROP TABLE exhibits")
    assert inside(JOB, "--json").json["erased_count"] == 1
    assert sorted(certificates(conn)) == [(str(i), True, WHOLE) for i in (1, 2, 3)]


def test_a_trigger_that_objects_blocks_its_user_alone(inside: Inside, conn: Conn) -> None:
    """An error of the application's own is no reason to stop for the others."""
    fill(conn)
    conn.execute(
        "CREATE FUNCTION object() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF old.owner = 2 THEN RAISE EXCEPTION 'legal hold'; END IF; RETURN old; END $$"
    )
    conn.execute(
        "CREATE TRIGGER hold BEFORE DELETE ON stored_files FOR EACH ROW EXECUTE FUNCTION object()"
    )
    found = inside(JOB, "--json")
    assert (found.code, found.json["erased_count"], found.json["blocked_count"]) == (3, 2, 1)
    assert "(legal hold)" in found.json["message"]


COMMENTS = """CREATE TABLE comments (id int PRIMARY KEY, user_id bigint,
parent int REFERENCES comments ON DELETE CASCADE, top int REFERENCES comments ON DELETE CASCADE)"""
LIKES = "CREATE TABLE likes (comment int REFERENCES comments ON DELETE CASCADE)"


def commented(conn: Conn) -> None:
    """Users 1 and 2, of whom 1 opted out, in one thread; a circle, and a row that is its own."""
    fill(conn, 2, 1)
    conn.execute(COMMENTS)
    conn.execute(LIKES)
    conn.execute(
        "INSERT INTO comments VALUES (1, 1, NULL), (2, 2, 1), (3, 2, 2), (4, 1, 3), (5, 2, 4),"
        " (6, 2, NULL), (7, 1, 6), (8, 2, 6), (9, 1, 9), (10, 2, 9), (11, 1, NULL), (12, 2, 11)"
    )
    conn.execute("UPDATE comments SET top = 1 WHERE id = 5")
    conn.execute("UPDATE comments SET parent = 12 WHERE id = 11")
    conn.execute("INSERT INTO likes SELECT id FROM comments, generate_series(1, 3)")


@pytest.mark.parametrize("most", [(), ("--batch-target", "1ms")])
def test_rows_that_a_table_s_own_key_takes_along_are_shown_and_counted(
    inside: Inside, conn: Conn, most: tuple[str, ...]
) -> None:
    """Of whomever they are, at any depth and in circles, with what refers to them."""
    commented(conn)
    job = (JOB, "--tables", "comments.user_id", "--max-percent", "100", "--json", *most)
    dry = inside(*job, "--dry-run")
    found = inside(*job)
    assert (found.code, found.json["erased_count"]) == (0, 1), found.err
    assert conn.execute("SELECT id FROM comments ORDER BY id").fetchall() == [(6,), (8,)]
    assert count(conn, "likes") == 6
    gone = {"public.comments": 10, "public.likes": 30}
    assert dry.json["tables"] == found.json["tables"] == gone
    assert found.json["deleted_count"] == 40
    assert certificates(conn) == [("1", True, gone)]


def test_a_reply_that_another_table_holds_keeps_what_it_replies_to(
    inside: Inside, conn: Conn
) -> None:
    """The user is blocked, and the dry run knows it; what no held row refers to is erased."""
    commented(conn)
    conn.execute("CREATE TABLE exhibits (comment int REFERENCES comments)")
    conn.execute("INSERT INTO exhibits VALUES (3)")
    job = (JOB, "--tables", "comments.user_id", "--max-percent", "100", "--json")
    assert inside(*job, "--dry-run").json["blocked_count"] == 1
    found = inside(*job)
    assert (found.code, found.json["blocked_count"]) == (3, 1), found.err
    assert "public.exhibits" in found.json["message"]
    left = [(1,), (2,), (3,), (6,), (8,)]
    assert conn.execute("SELECT id FROM comments ORDER BY id").fetchall() == left
    assert found.json["tables"]["public.comments"] == 7


def test_a_partitioned_table_that_refers_to_itself(inside: Inside, conn: Conn) -> None:
    """Rows of one partition go with those of another."""
    fill(conn, 2, 1)
    conn.execute(COMMENTS + " PARTITION BY HASH (id)")
    for n in range(3):
        conn.execute(
            f"CREATE TABLE c{n} PARTITION OF comments FOR VALUES WITH (MODULUS 3, REMAINDER {n})"  # type: ignore[arg-type]
        )
    conn.execute(
        "INSERT INTO comments SELECT i, 1 + (i > 1)::int, nullif(i / 2, 0)"
        " FROM generate_series(1, 60) i"
    )
    conn.execute("INSERT INTO comments SELECT i, 2 FROM generate_series(61, 70) i")
    found = inside(JOB, "--tables", "comments.user_id", "--max-percent", "100", "--json")
    assert (found.code, found.json["tables"]) == (0, {"public.comments": 60}), found.err
    assert count(conn, "comments") == count(conn, "comments", "id > 60") == 10


# -- what is held after the stamp


LATER = {
    "a table that the list did not have": ("--tables", "chat_sessions.user_id,later.user_id"),
    "rows that came": ("--tables", "later.user_id"),
}


@pytest.mark.parametrize("how", LATER)
def test_what_a_stamped_user_still_holds_goes(inside: Inside, conn: Conn, how: str) -> None:
    """With a certificate and a stamp of its own; of others nothing."""
    fill(conn)
    conn.execute("CREATE TABLE later (id bigint, user_id bigint)")
    first = ("--tables", "chat_sessions.user_id") if "list" in how else LATER[how]
    assert inside(JOB, *first, "--json").json["erased_count"] == 3
    stamps = conn.execute("SELECT id, data_erased_at FROM users WHERE id <= 3").fetchall()
    conn.execute("INSERT INTO later SELECT 2, id FROM users WHERE id IN (1, 2, 5)")
    conn.execute("UPDATE users SET opted_out_at = NULL WHERE id = 2")  # back, and stamped once
    dry = inside(JOB, *LATER[how], "--dry-run", "--json").json
    real = inside(JOB, *LATER[how], "--json").json
    for figure in ("erased_count", "deleted_count"):
        assert dry[figure] == real[figure] == 1
    assert conn.execute("SELECT user_id FROM later ORDER BY 1").fetchall() == [(2,), (5,)]
    now = dict(conn.execute("SELECT id, data_erased_at FROM users WHERE id <= 3").fetchall())
    assert [now[key] > stamp for key, stamp in stamps] == [True, False, False]
    assert certificates(conn)[3:] == [("1", True, {"public.later": 1})]
    assert inside(JOB, *LATER[how], "--json").json["erased_count"] == 0
    assert len(certificates(conn)) == 4


def test_a_stamped_user_with_rows_that_stay_is_unstamped(inside: Inside, conn: Conn) -> None:
    """A stamp says that nothing is left; the next run finds the user, and the open certificate."""
    fill(conn, 2, 1)
    conn.execute("CREATE TABLE later (id int PRIMARY KEY, user_id bigint)")
    conn.execute("CREATE TABLE holds (id int REFERENCES later)")
    tables = ("--tables", "later.user_id")
    assert inside(JOB, *tables, "--json").json["erased_count"] == 1
    conn.execute("INSERT INTO later VALUES (1, 1), (2, 1)")
    conn.execute("INSERT INTO holds VALUES (2)")
    found = inside(JOB, *tables, "--json")
    assert (found.code, found.json["blocked_count"], found.json["deleted_count"]) == (3, 1, 1)
    assert count(conn, "users", "data_erased_at IS NOT NULL") == 0
    assert certificates(conn)[1:] == [("1", False, {"public.later": 1})]
    conn.execute("DROP TABLE holds")
    assert inside(JOB, *tables, "--json").json["erased_count"] == 1
    assert certificates(conn)[1:] == [("1", True, {"public.later": 2})]


@pytest.mark.usefixtures("patient")
def test_a_stamped_user_who_opts_back_in_keeps_what_came(
    inside: Inside, conn: Conn, db: str
) -> None:
    """Uncommitted when the job chose its users."""
    fill(conn, 2, 1)
    assert inside(JOB, "--json").json["erased_count"] == 1
    conn.execute("INSERT INTO stored_files VALUES ('new', 1, 1)")
    with uncommitted(conn, db, BACK_IN):
        found = inside(JOB, "--json")
    assert (found.code, found.json["erased_count"], found.json["kept_count"]) == (0, 0, 1)
    assert count(conn, "stored_files", "owner = 1") == 1


# -- guards, bad input, dry run


def test_over_half_of_the_users_is_refused(inside: Inside, conn: Conn) -> None:
    """Before the first row; --yes-really lets a run through."""
    conn.execute(
        "INSERT INTO users (email, opted_out_at) SELECT 'u' || i, CASE WHEN i <= 502 THEN now() END"
        " FROM generate_series(1, 1002) i"
    )
    refused = inside(JOB)
    assert refused.code == 65
    assert "users who opted out: public.users has 502 old rows, 50.1 % of 1,002" in refused.err
    assert count(conn, "users", "data_erased_at IS NOT NULL") == 0
    assert inside(JOB, "--yes-really", "502", "--json").json["erased_count"] == 502


def test_a_limit_is_kept_to_the_row(inside: Inside, conn: Conn) -> None:
    """The user in whose rows it fell is not stamped, and finished by the next run."""
    fill(conn)
    found = inside(JOB, "--limit", "9", "--json").json
    assert (found["deleted_count"], found["erased_count"], found["backlog"]) == (9, 1, 2)
    found = inside(JOB, "--json").json
    assert (found["deleted_count"], found["erased_count"]) == (12, 2)
    assert certificates(conn) == [(str(i), True, WHOLE) for i in (1, 2, 3)]


BAD = [
    ("chat_sessions", "names no column"),
    ("chat_sesions.user_id", "names the table chat_sesions, which does not exist"),
    ("chat_sessions.usr_id", "needs the column usr_id, which public.chat_sessions"),
    ("stored_files.object_key", "of type text and public.users.id of type bigint"),
    ("users.id", "public.users are the users themselves"),
    ("chats.user_id", "public.chats is a view"),
]


@pytest.mark.parametrize(("table", "clause"), BAD, ids=[table for table, _ in BAD])
def test_bad_lists_are_one_sentence(inside: Inside, conn: Conn, table: str, clause: str) -> None:
    """Exit 78, what is wrong and where, and nothing touched."""
    fill(conn)
    conn.execute("CREATE VIEW chats AS SELECT * FROM chat_sessions")
    found = inside(JOB, "--tables", f"analytics_events.user_id,{table}")
    assert found.code == 78, found.err
    assert clause in found.err
    assert "--tables: " in found.err
    assert (count(conn, "analytics_events"), count(conn, "job_erasures")) == (6, 0)


def test_a_key_that_would_delete_users_is_refused(inside: Inside, conn: Conn) -> None:
    """A user's row that goes with a listed one would take the stamp with it."""
    fill(conn)
    conn.execute("ALTER TABLE users ADD picture text REFERENCES stored_files ON DELETE CASCADE")
    found = inside(JOB)
    assert found.code == 78
    assert "a foreign key from public.users to public.stored_files" in found.err


def test_a_dry_run_needs_only_select(inside: Inside, conn: Conn, reader: str) -> None:
    """It counts and writes nothing; the real run names the privileges it lacks, one by one."""
    fill(conn)
    dry = inside(JOB, "-n", "--json", env={"DATABASE_URL": reader})
    assert (dry.code, dry.json["erased_count"], dry.json["deleted_count"]) == (0, 3, 21), dry.err
    assert "would delete 12 rows of public.chat_messages, which go with" in dry.err
    assert (count(conn, "chat_messages"), count(conn, "job_erasures")) == (24, 0)
    conn.execute("GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO reader")
    conn.execute("REVOKE UPDATE ON users FROM reader")
    found = inside(JOB, env={"DATABASE_URL": reader})
    assert found.code == 77
    assert 'GRANT UPDATE ("data_erased_at") ON "public"."users"' in found.err
    conn.execute("GRANT UPDATE (data_erased_at) ON users TO reader")
    found = inside(JOB, env={"DATABASE_URL": reader})
    assert found.code == 77
    assert "GRANT DELETE ON" in found.err
    conn.execute("GRANT DELETE ON ALL TABLES IN SCHEMA public TO reader")
    assert inside(JOB, "--json", env={"DATABASE_URL": reader}).json["erased_count"] == 3


def test_a_missing_index_is_named(inside: Inside, conn: Conn) -> None:
    """With the statement to paste."""
    conn.execute("CREATE TABLE likes (user_id bigint)")
    found = inside(JOB, "--tables", "likes.user_id", "--json").json
    assert any(
        'CREATE INDEX CONCURRENTLY ON "public"."likes" ("user_id");' in warning
        for warning in found["warnings"]
    )


def test_without_a_ledger_there_is_no_certificate(inside: Inside, conn: Conn) -> None:
    """Which is said; the work is the same."""
    fill(conn)
    found = inside(JOB, "--no-ledger", "--json").json
    assert (found["erased_count"], found["deleted_count"]) == (3, 21)
    assert {t: n for t, n in found["tables"].items() if n} == {t: 3 * n for t, n in WHOLE.items()}
    assert any("no certificate" in warning for warning in found["warnings"])
    assert certificates(conn) == []


# -- approval


def made(conn: Conn, *statements: str) -> None:
    """Run statements after users 1 to 6 are there, of whom the first three opted out."""
    conn.execute(
        "INSERT INTO users (id, email, opted_out_at) OVERRIDING SYSTEM VALUE SELECT i, 'u' || i,"
        " CASE WHEN i <= 3 THEN now() - interval '1 day' END FROM generate_series(1, 6) i"
    )
    for statement in statements:
        conn.execute(statement)  # type: ignore[arg-type]


NOTES = "CREATE TABLE notes (id int PRIMARY KEY, author bigint, reader bigint)"
TWICE = "INSERT INTO notes SELECT i, i % 6 + 1, i % 6 + 1 FROM generate_series(0, 59) i"
PARTLY = "INSERT INTO notes SELECT i, i % 6 + 1, (i / 6) % 6 + 1 FROM generate_series(0, 59) i"
REPLIES = "CREATE TABLE replies (id int, author bigint, note int REFERENCES notes ON DELETE {})"
THREADED = "ALTER TABLE notes ADD parent int REFERENCES notes ON DELETE CASCADE"
THREADS = "UPDATE notes SET parent = id - 1 WHERE id % 6 > 2"
ANSWERED = "INSERT INTO replies SELECT i, (i / 6) % 6 + 1, i FROM generate_series(0, 59) i"


@pytest.mark.parametrize(
    ("statements", "tables"),
    [
        ([TWICE], "notes.author,notes.reader"),
        ([PARTLY], "notes.author,notes.reader"),
        ([PARTLY], "notes.author,notes.author"),
        ([TWICE, REPLIES.format("CASCADE"), ANSWERED], "notes.author,replies.author"),
        ([TWICE, REPLIES.format("CASCADE"), ANSWERED], "replies.author,notes.author,notes.reader"),
        ([TWICE, REPLIES.format("SET NULL"), ANSWERED], "notes.author,replies.author"),
        ([TWICE, THREADED, THREADS], "notes.author"),
    ],
)
def test_a_dry_run_and_a_plan_count_each_row_once(
    inside: Inside, conn: Conn, statements: list[str], tables: str
) -> None:
    """By two columns, or by a list and a foreign key: what is shown is what goes."""
    made(conn, NOTES, *statements)
    job = (JOB, "--tables", tables, "--max-percent", "100", "--json")
    dry = inside(*job, "--dry-run", "--plan", "p")
    assert dry.code == 0, dry.err
    plan = json.loads((inside.folder / "p").read_text())
    rest = "replies" if len(statements) > 1 and "replies" in statements[1] else "users"
    before = count(conn, "notes") + count(conn, rest)
    real = inside(*job, "--apply", "p", "--drift", "0")
    assert real.code == 0, real.err
    gone = before - count(conn, "notes") - count(conn, rest)
    assert gone == real.json["deleted_count"] == dry.json["deleted_count"]
    assert dry.json["tables"] == real.json["tables"]
    assert gone == sum({**plan["rows"], **plan["cascaded"]}.values()) - plan["rows"]["public.users"]


def test_no_copy_is_kept_of_what_is_erased(
    inside: Inside, conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--archive is refused with one sentence, by whatever way it comes."""
    fill(conn)
    monkeypatch.setitem(inside.env, "MAINT_CLEANUP_OPT_OUTS_ARCHIVE", "here")
    for words in ((), ("--archive", "here"), ("-n",)):
        found = inside(JOB, *words)
        assert found.code == 2, found.err
        assert "would keep a copy of what has to be erased" in found.err
    assert (count(conn, "stored_files"), count(conn, "job_erasures")) == (6, 0)


def test_a_plan_is_applied_while_it_holds(inside: Inside, conn: Conn) -> None:
    """Past the guards; refused once users or rows have drifted, or the list is another."""
    fill(conn, users=1_200, out=900, messages=1)
    assert inside(JOB).code == 65
    plan = ("--dry-run", "--plan", "plan.json", "--json")
    dry = inside(JOB, *plan)
    assert (dry.code, dry.json["erased_count"]) == (0, 900), dry.err
    other = inside(JOB, "--apply", "plan.json", "--tables", "stored_files.owner")
    assert other.code == 65
    assert "it also covers public." in other.err
    conn.execute("INSERT INTO stored_files SELECT 'more ' || i, 1, 1 FROM generate_series(1, 91) i")
    drifted = inside(JOB, "--apply", "plan.json")
    assert drifted.code == 65
    assert "counted 900 rows of public.stored_files, and now 991" in drifted.err
    assert count(conn, "job_erasures") == 0
    inside(JOB, *plan)
    found = inside(JOB, "--apply", "plan.json", "--json", "--share", "100", "--no-throttle")
    assert (found.code, found.json["erased_count"]) == (0, 900), found.err
    assert found.json["tables"]["public.stored_files"] == 991
