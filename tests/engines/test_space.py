"""What a sweep says of the table's size."""

import pytest

from tests.engines.test_sweep import Conn, count, fill
from tests.parts.inside import Inside


@pytest.mark.parametrize("analysed", [True, False])
def test_room_made_inside_the_table_is_estimated(
    inside: Inside, conn: Conn, *, analysed: bool
) -> None:
    """About the share of the table that the deleted rows took, with statistics and without."""
    stale = fill(conn, 40_000, 0.5)
    if analysed:
        conn.execute("ANALYZE active_sessions")
    row = conn.execute("SELECT pg_relation_size('active_sessions')").fetchone()
    assert row is not None
    found = inside("cleanup-sessions", "--json").json
    assert found["bytes_reusable"] == pytest.approx(int(str(row[0])) * stale / 40_000, rel=0.2)


LONG = "(SELECT string_agg(md5(i::text || n), '') FROM generate_series(1, 250) n)"  # 8 kB


def test_values_stored_out_of_line_count(inside: Inside, conn: Conn) -> None:
    """Of a swept table and of one below, whose rows hold almost all of their bytes in TOAST."""
    conn.execute("CREATE TABLE t (id int PRIMARY KEY, seen timestamptz NOT NULL, mail text)")
    conn.execute("CREATE TABLE c (id int REFERENCES t ON DELETE CASCADE, mail text)")
    conn.execute("CREATE INDEX ON c (id)")
    for table, mail in (("t", "now() - i % 2 * interval '1 y', "), ("c", "")):
        conn.execute(f"ALTER TABLE {table} ALTER mail SET STORAGE EXTERNAL")  # type: ignore[arg-type]
        conn.execute(f"INSERT INTO {table} SELECT i, {mail}{LONG} FROM generate_series(1, 500) i")  # type: ignore[arg-type]
    conn.execute("ANALYZE t, c")
    rule = '[[retention]]\ntable = "t"\ncolumn = "seen"\nkeep = "30d"\n'
    (inside.folder / "maint.toml").write_text(rule)
    found = inside("retention-cleanup", "--json", "--max-percent", "100").json
    assert (found["deleted_count"], found["cascaded_count"]) == (250, 250)
    assert found["bytes_reusable"] == pytest.approx(500 * 8_000, rel=0.1)


def test_nothing_is_returned_while_the_files_stay(inside: Inside, conn: Conn) -> None:
    """A DELETE frees no disk; and growth elsewhere makes the figure no less than nothing."""
    conn.execute("ALTER TABLE active_sessions SET (autovacuum_enabled = off)")
    fill(conn, 1_000, 0.5)
    conn.execute(
        "CREATE FUNCTION grow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO"
        " active_sessions SELECT 'n' || clock_timestamp() || i, 'k', now() FROM"
        " generate_series(1, 3) i; RETURN old; END $$"
    )
    conn.execute(
        "CREATE TRIGGER grow AFTER DELETE ON active_sessions FOR EACH ROW EXECUTE FUNCTION grow()"
    )
    found = inside("cleanup-sessions", "--json").json
    assert found["deleted_count"] > 0
    assert found["bytes_returned"] == 0


def test_what_the_system_got_back_is_said(inside: Inside, conn: Conn) -> None:
    """A partition that is dropped as a whole gives its files back, indexes included."""
    conn.execute("DROP TABLE active_sessions")
    conn.execute(
        "CREATE TABLE active_sessions (session_id text, access_key text,"
        " last_heartbeat timestamptz NOT NULL) PARTITION BY RANGE (last_heartbeat)"
    )
    for name, low, high in (
        ("old", "2026-01-01", "2026-01-02"),
        ("new", "2026-01-02", "2100-01-01"),
    ):
        conn.execute(
            f"CREATE TABLE {name} PARTITION OF active_sessions"  # type: ignore[arg-type]
            f" FOR VALUES FROM ('{low}') TO ('{high}')"
        )
    conn.execute("CREATE INDEX ON active_sessions (last_heartbeat)")
    conn.execute(
        "INSERT INTO active_sessions SELECT 's' || i, 'k', '2026-01-01' FROM generate_series(1, 5000) i"
    )
    conn.execute(
        "INSERT INTO active_sessions SELECT 'n' || i, 'k', '2099-01-01' FROM generate_series(1, 500) i"
    )
    row = conn.execute("SELECT pg_total_relation_size('old')").fetchone()
    assert row is not None
    found = inside("cleanup-sessions", "--json").json
    assert found["deleted_count"] == 5000
    assert found["bytes_returned"] == int(str(row[0]))
    assert found["bytes_reusable"] == 0


def test_nothing_deleted_nothing_freed(inside: Inside, conn: Conn) -> None:
    """Zero, and the line for people does not mention it."""
    fill(conn, 10, 0)
    found = inside("cleanup-sessions", "--json").json
    assert (found["bytes_reusable"], found["bytes_returned"]) == (0, 0)
    text = inside("cleanup-sessions").out
    assert "reusable" not in text
    assert "returned" not in text
    assert count(conn) == 10


def test_people_read_sizes_in_units(inside: Inside, conn: Conn) -> None:
    """Not bytes."""
    fill(conn, 20_000, 0.5)
    assert "reusable about" in (text := inside("cleanup-sessions").out)
    assert "KiB" in text


def test_room_made_by_cascades_counts(inside: Inside, conn: Conn) -> None:
    """Children hold most bytes of what goes with a parent."""
    conn.execute(
        "CREATE TABLE notes (id int, session_id text REFERENCES active_sessions ON DELETE CASCADE,"
        " note text)"
    )
    stale = fill(conn, 500, 0.5)
    conn.execute(
        "INSERT INTO notes SELECT i, session_id, repeat('x', 100) FROM active_sessions,"
        " generate_series(1, 20) i"
    )
    conn.execute("CREATE INDEX ON notes (session_id)")
    conn.execute("ANALYZE notes, active_sessions")
    found = inside("cleanup-sessions", "--json").json
    assert found["tables"]["public.notes"] == 20 * stale
    assert found["bytes_reusable"] == pytest.approx(stale * 20 * 140, rel=0.2)
