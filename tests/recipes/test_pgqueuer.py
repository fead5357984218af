"""docs/recipes/pgqueuer.md, on the tables that pgqueuer's own statement makes."""

import psycopg
import pytest
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder

from tests.parts.inside import Inside
from tests.recipes.recipe import configured

Conn = psycopg.Connection[tuple[object, ...]]

LOG = (
    "INSERT INTO pgqueuer_log (created, job_id, status, priority, entrypoint, aggregated)"
    " SELECT now() - age::interval, 1, 'successful', 0, entrypoint, aggregated"
    " FROM unnest(%s::text[], %s::text[], %s::bool[]) AS v (entrypoint, age, aggregated)"
)


@pytest.fixture
def queue(inside: Inside, conn: Conn) -> Inside:
    """PgQueuer's tables; the recipe is in force."""
    conn.execute(QueryBuilderEnvironment().build_install_query())  # type: ignore[arg-type]
    return configured(inside, "pgqueuer")


def names(conn: Conn, table: str) -> list[object]:
    """The entry points that are left in a table."""
    query = psycopg.sql.SQL("SELECT entrypoint FROM {} ORDER BY entrypoint")
    return [row[0] for row in conn.execute(query.format(psycopg.sql.Identifier(table)))]


def test_the_log_goes_when_it_has_been_counted(queue: Inside, conn: Conn) -> None:
    """An old entry that the statistics do not know yet stays until they do."""
    conn.execute(
        LOG, [["counted", "uncounted", "young"], ["31 d", "31 d", "29 d"], [True, False, True]]
    )
    result = queue("queue-log", "--json")
    assert (result.code, result.json["deleted_count"]) == (0, 1), result.err
    assert names(conn, "pgqueuer_log") == ["uncounted", "young"]
    counting = QueryQueueBuilder().build_aggregate_log_data_to_statistics_query()
    conn.execute(counting)  # type: ignore[arg-type]
    assert queue("queue-log", "--json").json["deleted_count"] == 1
    assert names(conn, "pgqueuer_log") == ["young"]
    assert names(conn, "pgqueuer_statistics") == ["uncounted"]


def test_old_statistics_go(queue: Inside, conn: Conn) -> None:
    """After a year."""
    conn.execute(
        "INSERT INTO pgqueuer_statistics (created, count, priority, status, entrypoint) VALUES"
        " (now() - interval '13 mons', 1, 0, 'successful', 'old'),"
        " (now() - interval '11 mons', 1, 0, 'successful', 'young')"
    )
    result = queue("queue-statistics", "--json")
    assert (result.code, result.json["deleted_count"]) == (0, 1), result.err
    assert names(conn, "pgqueuer_statistics") == ["young"]


def test_only_failed_jobs_leave_the_queue(queue: Inside, conn: Conn) -> None:
    """Held for 90 days; what waits or runs stays, whatever its age."""
    conn.execute(
        "INSERT INTO pgqueuer (priority, status, entrypoint, updated) SELECT 0,"
        " status::pgqueuer_status, status || '-' || days, now() - days * interval '1 d'"
        " FROM unnest(ARRAY['queued', 'picked', 'failed']) AS s (status),"
        " unnest(ARRAY[89, 91]) AS d (days)"
    )
    result = queue("queue-failed", "--json")
    assert (result.code, result.json["deleted_count"]) == (0, 1), result.err
    assert names(conn, "pgqueuer") == [
        "failed-89",
        "picked-89",
        "picked-91",
        "queued-89",
        "queued-91",
    ]
