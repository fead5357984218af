"""maint cleanup-old-analytics"""

from typing import LiteralString

import pytest

from maintcli.db import example
from tests.jobs.every import ANALYTICS, Conn, fill, one
from tests.parts.inside import Inside

JOB = "cleanup-old-analytics"
OLDEST_EVENT: LiteralString = (
    "SELECT extract(epoch FROM now() - min(occurred_at)) / 86400 FROM analytics_events"
)
OLDEST_DAY: LiteralString = (
    "SELECT (now() AT TIME ZONE 'UTC')::date - min(day) FROM daily_analytics"
)
EVENTS, DAILY = "public.analytics_events", "public.daily_analytics"


def test_events_and_totals_of_the_example(inside: Inside, conn: Conn) -> None:
    """What is older than a year in both tables; the dry run says the same."""
    example.fill(conn)
    dry = inside(JOB, "--dry-run", "--json").json
    real = inside(JOB, "--json").json
    assert dry["tables"] == real["tables"]
    assert min(real["tables"].values()) > 100
    assert one(conn, OLDEST_EVENT) < 366
    assert one(conn, OLDEST_DAY) == 365


@pytest.mark.parametrize(
    ("tables", "expected"),
    [("events", {EVENTS: 2}), ("daily", {DAILY: 2}), ("both", {EVENTS: 2, DAILY: 2})],
)
def test_one_table_can_be_kept_for_good(
    inside: Inside, conn: Conn, tables: str, expected: dict[str, int]
) -> None:
    """--tables says which are cleaned."""
    fill(conn, ANALYTICS, stale=2, fresh=1)
    assert inside(JOB, "--tables", tables, "--json").json["tables"] == expected


def test_a_day_goes_when_the_whole_of_it_is_older(inside: Inside, conn: Conn) -> None:
    """The day on which the cutoff falls stays."""
    conn.execute(
        "INSERT INTO daily_analytics (day, event_type, events, users)"
        " SELECT (now() AT TIME ZONE 'UTC')::date - n, 'e', 1, 1 FROM generate_series(360, 370) n"
    )
    assert inside(JOB, "--older-than", "365d", "--json").json["deleted_count"] == 5
    assert one(conn, OLDEST_DAY) == 365


def test_an_event_without_a_time_is_kept(inside: Inside, conn: Conn) -> None:
    """In tables of other names, where a time can be missing."""
    conn.execute(
        "CREATE TABLE clicks (at timestamptz); INSERT INTO clicks VALUES (NULL), ('1999-1-1')"
    )
    (inside.folder / "maint.toml").write_text(
        '[tables.analytics_events]\nname = "clicks"\ncolumns = { occurred_at = "at" }\n'
    )
    found = inside(JOB, "--json").json
    assert (found["deleted_count"], found["null_count"]) == (1, 1)
    assert found["tables"]["public.clicks"] == 1
