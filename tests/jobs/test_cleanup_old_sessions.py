"""maint cleanup-old-sessions"""

import pytest

from maintcli.db import example
from tests.jobs.every import OLD_SESSIONS, Conn, fill, one
from tests.parts.inside import Inside

JOB = "cleanup-old-sessions"


def test_messages_go_with_their_sessions(inside: Inside, conn: Conn) -> None:
    """On the example data: the stale half of both tables, their messages, and nothing else."""
    example.fill(conn)
    expected = one(conn, OLD_SESSIONS.stale)
    kept = one(
        conn,
        "SELECT count(*) FROM chat_messages JOIN chat_sessions s ON s.id = session_id"
        " WHERE s.updated_at >= now() - interval '90 days'",
    )
    found = inside(*OLD_SESSIONS.command, "--json").json
    assert (found["deleted_count"], one(conn, OLD_SESSIONS.stale)) == (expected, 0)
    assert found["tables"]["public.chat_sessions"] > 50
    assert found["tables"]["public.peptide_info_sessions"] > 50
    assert one(conn, "SELECT count(*) FROM chat_messages") == kept > 0


def test_the_default_is_one_table_with_a_common_name(inside: Inside, conn: Conn) -> None:
    """Other tables of the same shape are swept only where they are named."""
    fill(conn, OLD_SESSIONS, stale=3, fresh=1)
    assert inside(JOB, "--json").json["deleted_count"] == 3
    assert one(conn, "SELECT count(*) FROM peptide_info_sessions") == 4


def test_only_the_tables_that_are_named(inside: Inside, conn: Conn) -> None:
    """One of the two, named twice, is swept once."""
    fill(conn, OLD_SESSIONS, stale=3, fresh=1)
    found = inside(JOB, "--tables", "chat_sessions,chat_sessions", "--json").json
    assert (found["deleted_count"], found["tables"]["public.chat_sessions"]) == (3, 3)
    assert "public.peptide_info_sessions" not in found["tables"]
    assert one(conn, "SELECT count(*) FROM peptide_info_sessions") == 4


@pytest.mark.parametrize("column", ["updated_at", "touched"])
def test_a_table_of_one_s_own(inside: Inside, conn: Conn, column: str) -> None:
    """By its own name where it has updated_at, else through [tables.KEY]."""
    conn.execute('CREATE SCHEMA app; CREATE TABLE app."Forum; posts" (id int, at timestamptz)')
    conn.execute(f'ALTER TABLE app."Forum; posts" RENAME at TO {column}')  # type: ignore[arg-type]
    conn.execute(
        "INSERT INTO app.\"Forum; posts\" VALUES (1, now() - interval '91 d'), (2, now()), (3, NULL)"
    )
    (inside.folder / "maint.toml").write_text(
        "[tables.forum]\nname = 'app.\"Forum; posts\"'\n"
        f'columns = {{ updated_at = "{column}" }}\n'
        f'[jobs.{JOB}]\ntables = ["forum"]\n'
    )
    result = inside(JOB, "--json")
    assert result.code == 0, result.err
    assert (result.json["deleted_count"], result.json["null_count"]) == (1, 1)
    assert conn.execute('SELECT id FROM app."Forum; posts" ORDER BY id').fetchall() == [(2,), (3,)]


def test_a_table_that_is_not_there_stops_it_before_the_first_row(
    inside: Inside, conn: Conn
) -> None:
    """A typo in the list must not pass for a clean table."""
    fill(conn, OLD_SESSIONS, stale=2, fresh=0)
    result = inside(JOB, "--tables", "chat_sessions,chat_sesions")
    assert result.code == 78
    assert "There is no table chat_sesions" in result.err
    assert one(conn, "SELECT count(*) FROM chat_sessions") == 2


def test_its_guard_refuses_most_of_a_table(inside: Inside, conn: Conn) -> None:
    """Over half of over 1,000 rows: 65, also in the second of its tables."""
    fill(conn, OLD_SESSIONS, stale=0, fresh=500)
    conn.execute(
        "INSERT INTO peptide_info_sessions (user_id, updated_at) SELECT (SELECT id FROM users),"
        " now() - interval '1 year' FROM generate_series(1, 600)"
    )
    (inside.folder / "maint.toml").write_text(
        f'[jobs.{JOB}]\ntables = ["chat_sessions", "peptide_info_sessions"]\n'
    )
    result = inside(JOB)
    assert result.code == 65
    assert "public.peptide_info_sessions has 600 old rows" in result.err
    assert inside(JOB, "--yes-really", "600", "--json").json["deleted_count"] == 600


@pytest.mark.parametrize("age", ["0", "23h", "-5d"])
def test_an_age_that_cannot_be_meant(inside: Inside, conn: Conn, age: str) -> None:
    """Under a day: refused before anything is looked at."""
    fill(conn, OLD_SESSIONS, stale=2, fresh=0)
    assert inside(JOB, "--older-than", age).code == 65
    assert one(conn, OLD_SESSIONS.stale) == 4
