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
