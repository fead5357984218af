"""The log of a real run: each table before its first row is changed, and its count at the end."""

from typing import Any

import psycopg
import pytest

from tests.jobs.every import EVERY, Conn, Every, fill
from tests.parts.inside import Inside


@pytest.mark.parametrize("every", EVERY, ids=str)
def test_each_table_is_named_first_and_counted_last(
    inside: Inside, conn: Conn, every: Every
) -> None:
    """Every job, also for tables that rows go from by a foreign key; the counts are the rows'."""
    (inside.folder / "maint.toml").write_text(every.toml)
    fill(conn, every, stale=7, fresh=5)
    before = _rows(conn)
    log = inside(*every.command).err.splitlines()
    verb = "updat" if every.figure == "updated_count" else "delet"
    named = [line for line in log if f" {verb}ing rows of public." in line]
    counted = [line for line in log if f" {verb}ed " in line and " of public." in line]
    assert log.index(named[-1]) < log.index(counted[0])
    gone = {table: rows - _rows(conn)[table] for table, rows in before.items()}
    if verb == "updat":
        assert counted[0].endswith("updated 7 rows of public." + every.tables[0])
        return
    for table, rows in gone.items():
        if rows > 0 and table != "job_runs":
            assert any(f"rows of public.{table} " in line for line in named), log
            assert any(line.endswith(f"deleted {rows} rows of public.{table}") for line in counted)


def test_rows_that_lose_what_they_refer_to_are_named_and_counted(
    inside: Inside, conn: Conn
) -> None:
    """Also those of which none was there; their tables are changed as much as the swept one."""
    conn.execute(
        "CREATE TABLE notes (session text REFERENCES active_sessions (session_id) ON DELETE SET NULL);"
        "CREATE TABLE tags (session text REFERENCES active_sessions (session_id) ON DELETE CASCADE);"
        "INSERT INTO active_sessions VALUES ('a', 'k', '2001-01-01Z'), ('b', 'k', '2001-01-01Z');"
        "INSERT INTO notes VALUES ('a'), ('b'), ('b')"
    )
    log = inside("cleanup-sessions").err
    ends = [line.partition(" cleanup-sessions ")[2] for line in log.splitlines()]
    assert "deleting rows of public.tags that refer to them" in ends
    first = ends.index("updating rows of public.notes that refer to them")
    assert first < ends.index("updated 3 rows of public.notes")
    assert "deleted 0 rows of public.tags" in ends
    assert conn.execute("SELECT count(session), count(*) FROM notes").fetchone() == (0, 3)


def test_rows_of_dropped_partitions_count_for_their_table(inside: Inside, conn: Conn) -> None:
    """The table is named before the first partition goes; its count is of all that went."""
    conn.execute(
        "CREATE TABLE hits (at timestamptz) PARTITION BY RANGE (at);"
        "CREATE TABLE hits_1 PARTITION OF hits FOR VALUES FROM ('2001-01-01Z') TO ('2002-01-01Z');"
        "CREATE TABLE hits_2 PARTITION OF hits FOR VALUES FROM ('2002-01-01Z') TO (MAXVALUE);"
        "INSERT INTO hits VALUES ('2001-02-01Z'), ('2001-03-01Z'), ('2002-02-01Z'), (now())"
    )
    (inside.folder / "maint.toml").write_text(
        "[sweeps.old-hits]\ntable = 'hits'\ncolumn = 'at'\nkeep = '30d'\nmax-percent = 100\n"
    )
    log = inside("old-hits").err
    order = [
        log.find(words)
        for words in (
            "deleting rows of public.hits older than",
            "dropped public.hits_1 with 2 rows",
            "deleted 3 rows of public.hits\n",
        )
    ]
    assert -1 < order[0] < order[1] < order[2], log
    assert conn.execute("SELECT count(*) FROM hits").fetchone() == (1,)


def test_the_users_that_are_stamped_are_named_and_counted(inside: Inside, conn: Conn) -> None:
    """Their rows stay, and are changed."""
    conn.execute(
        "INSERT INTO users (email, opted_out_at) VALUES ('a', '2001-01-01Z'), ('b', '2001-01-01Z'),"
        " ('c', NULL);"
        "INSERT INTO analytics_events (event_type, user_id) SELECT 'e', id FROM users"
    )
    log = inside("cleanup-opt-outs", "--max-percent", "100").err
    first = log.index("updating rows of public.users who are erased")
    assert first < log.index("updated 2 rows of public.users")
    stamped = "SELECT count(data_erased_at) FROM users"
    assert conn.execute(stamped).fetchone() == (2,)


def _rows(conn: psycopg.Connection[Any]) -> dict[str, int]:
    tables = conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    found = {}
    for (table,) in tables:
        row = conn.execute(f'SELECT count(*) FROM "{table}"').fetchone()  # type: ignore[arg-type]
        assert row is not None
        found[table] = row[0]
    return found


def test_a_run_that_is_stopped_says_what_it_did(inside: Inside, conn: Conn) -> None:
    """A refused or failed run names what it deleted until then."""
    conn.execute(
        "CREATE FUNCTION object() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE 'legal hold'; END $$;"
        "CREATE TRIGGER hold BEFORE DELETE ON daily_analytics"
        " FOR EACH ROW EXECUTE FUNCTION object();"
        "INSERT INTO analytics_events (event_type, occurred_at) VALUES ('e', '2001-01-01Z');"
        "INSERT INTO daily_analytics (day, event_type, events, users)"
        " VALUES ('2001-01-01', 'e', 1, 1)"
    )
    result = inside("cleanup-old-analytics", "--max-percent", "100")
    assert result.code != 0
    assert "deleted 1 row of public.analytics_events" in result.err
    assert "deleted 0 rows of public.daily_analytics" in result.err
