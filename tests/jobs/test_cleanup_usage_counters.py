"""maint cleanup-usage-counters"""

from maintcli.db import example
from tests.jobs.every import USAGE_COUNTERS, Conn, one
from tests.parts.inside import Inside

JOB = "cleanup-usage-counters"


def test_the_example_keeps_thirteen_months(inside: Inside, conn: Conn) -> None:
    """Of each user's monthly counters those that ended within 13 months stay."""
    example.fill(conn)
    expected = one(conn, USAGE_COUNTERS.stale)
    kept = one(conn, USAGE_COUNTERS.fresh)
    found = inside(JOB, "--json").json
    assert (found["deleted_count"], found["remaining_count"]) == (expected, kept)
    assert min(expected, kept) > 100


def test_months_are_the_calendar_s(inside: Inside, conn: Conn) -> None:
    """Thirteen months ago is a day of the calendar: an hour before it goes, an hour after stays."""
    conn.execute("INSERT INTO users (email) VALUES ('u@example.com')")
    conn.execute(
        "INSERT INTO usage_counters SELECT (SELECT id FROM users), at - interval '1 mon', at, 0"
        " FROM (SELECT now() - interval '13 months' + d * interval '1 h' AS at"
        " FROM (VALUES (-1), (1)) AS v (d)) AS t"
    )
    assert inside(JOB, "--json").json["deleted_count"] == 1
    assert one(conn, USAGE_COUNTERS.fresh) == 1
    assert inside(JOB, "--older-than", "27d").code == 65


def test_a_counter_without_an_end_is_kept(inside: Inside, conn: Conn) -> None:
    """In a table of other names, where the end of a running period is NULL."""
    conn.execute(
        "CREATE TABLE meter (ends timestamptz); INSERT INTO meter VALUES (NULL), ('2001-01-01Z')"
    )
    (inside.folder / "maint.toml").write_text(
        '[tables.usage_counters]\nname = "meter"\ncolumns = { period_end = "ends" }\n'
    )
    found = inside(JOB, "--json").json
    assert (found["deleted_count"], found["null_count"], found["remaining_count"]) == (1, 1, 1)
