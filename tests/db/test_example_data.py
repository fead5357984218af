"""The sample rows: something for every job to do, as many as asked, the same for the same seed."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from maintcli.db import example
from maintcli.db.connect import Connection

_DUE = {
    "cleanup-sessions": "active_sessions WHERE last_heartbeat < now() - interval '60 s'",
    "cleanup-old-sessions, chats": "chat_sessions WHERE updated_at < now() - interval '90 d'",
    "cleanup-old-sessions, peptides": (
        "peptide_info_sessions WHERE updated_at < now() - interval '90 d'"
    ),
    "cleanup-usage-counters": "usage_counters WHERE period_end < now() - interval '13 months'",
    "cleanup-abandoned-jobs": (
        "processing_jobs WHERE started_at IS NULL AND created_at < now() - interval '7 d'"
    ),
    "cleanup-abandoned-jobs, files": (
        "source_files JOIN processing_jobs j ON j.id = job_id WHERE j.started_at IS NULL"
    ),
    "cleanup-old-analytics, events": (
        "analytics_events WHERE occurred_at < now() - interval '365 d'"
    ),
    "cleanup-old-analytics, days": "daily_analytics WHERE day < now() - interval '365 d'",
    "cleanup-opt-outs": "users WHERE opted_out_at IS NOT NULL AND data_erased_at IS NULL",
    "cleanup-orphans": (
        "stored_files WHERE created_at < now() - interval '24 h'"
        " AND NOT EXISTS (SELECT FROM users u WHERE u.id = owner)"
    ),
    "reconcile-stragglers": (
        "jobs WHERE status = 'running' AND locked_until IS NULL"
        " AND started_at < now() - interval '1 h'"
    ),
    "cleanup-queues, fires": "cron_fires WHERE fired_at < now() - interval '90 d'",
    "cleanup-queues, outbox": "outbox WHERE delivered_at < now() - interval '90 d'",
    "cleanup-queues, jobs": "jobs WHERE finished_at < now() - interval '90 d'",
    "cleanup-queues, inbox": "inbound_emails WHERE seen_at < now() - interval '90 d'",
    "cleanup-queues, mail": "email_given_up WHERE given_up_at < now() - interval '90 d'",
    "retry-emails, to send": (
        "email_retry_queue WHERE attempts < 5 AND created > now() - interval '24 h'"
    ),
    "retry-emails, too many attempts": "email_retry_queue WHERE attempts = 5",
    "retry-emails, too old": "email_retry_queue WHERE created < now() - interval '24 h'",
    "retry-emails, digest": "email_given_up WHERE notified_at IS NULL",
    "process-jobs, due": "jobs WHERE status = 'pending' AND run_after <= now()",
    "process-jobs, reap": "jobs WHERE status = 'running' AND locked_until < now()",
    "process-jobs, no handler": (
        "jobs WHERE status = 'pending' AND run_after <= now() AND type LIKE 'legacy:%'"
    ),
    "process-jobs, mail when done": (
        "jobs WHERE status = 'pending' AND run_after <= now() AND on_done = 'email'"
    ),
    "run-due": "cron_jobs WHERE is_active AND next_run_at <= now()",
    "deliver-outbox": "outbox WHERE status = 'pending' AND next_attempt_at <= now()",
    "replay-outbox-dead-letter": "outbox WHERE status = 'dead' AND replay_count < 3",
    "replay-export-dead-letter": "export_jobs WHERE status = 'dead' AND replay_count < 3",
    "email-scan": "inbound_emails WHERE status = 'unparsed'",
    "reset-free-periods": "billing_accounts WHERE plan = 'free' AND period_end <= now()",
    "reconcile-stripe-usage, pending": "stripe_usage WHERE status = 'pending'",
    "reconcile-stripe-usage, unknown": (
        "stripe_usage WHERE status = 'sending' AND first_sent_at < now() - interval '23 h'"
    ),
    "reconcile-stripe-usage, expired": (
        "stripe_usage WHERE status = 'pending' AND occurred_at < now() - interval '35 d'"
    ),
    "aggregate-daily-analytics, late": (
        "analytics_events e JOIN daily_analytics d USING (event_type)"
        " WHERE d.day = (e.occurred_at AT TIME ZONE 'UTC')::date AND ingested_at > computed_at"
    ),
    "aggregate-daily-analytics, missed": (
        "analytics_events WHERE occurred_at < date_trunc('day', now(), 'UTC')"
        " AND (occurred_at AT TIME ZONE 'UTC')::date NOT IN (SELECT day FROM daily_analytics)"
    ),
    "storage-janitor": (
        "source_files f WHERE NOT EXISTS"
        " (SELECT FROM stored_files s WHERE s.object_key = f.object_key)"
    ),
    "queue stuck": "jobs WHERE status = 'pending' AND run_after < now() - interval '5 min'",
}
"""What a job, or one duty of it, finds to do: FROM and WHERE of a count."""

_SEEDS = (("one", 0.1), ("again", 0.1), ("other", 0.2))


@pytest.fixture
def database(bare_db: str) -> Iterator[Connection]:
    with psycopg.connect(bare_db, autocommit=True) as connection:
        yield connection


def test_every_job_finds_work(database: Connection) -> None:
    """In a fresh example no job has nothing to do, and none would take the whole table."""
    example.create(database, sessions=100)
    idle = [job for job, due in _DUE.items() if not _count(database, due)]
    greedy = [
        job
        for job, due in _DUE.items()
        if _count(database, due) == _count(database, due.split(" WHERE ")[0])
    ]
    assert (idle, greedy) == ([], [])


def test_sessions_are_as_many_as_asked_and_six_of_ten_are_stale(database: Connection) -> None:
    """The share holds at the default of 60 s, with time left for a tour before the rest age."""
    fresh = "active_sessions WHERE last_heartbeat BETWEEN now() - interval '45 s' AND now()"
    with database.transaction():  # in which now() stands still
        example.create(database, sessions=3_000)
        database.execute("SET LOCAL search_path = public")
        assert _count(database, "active_sessions") == 3_000
        stale = _count(database, _DUE["cleanup-sessions"])
        assert 0.55 < stale / 3_000 < 0.65
        assert _count(database, fresh) == 3_000 - stale


def test_no_sessions_are_fine(database: Connection) -> None:
    """An example may be asked for without sessions."""
    example.create(database, sessions=0)
    assert _count(database, "active_sessions") == 0


def test_the_planner_knows_every_table(database: Connection) -> None:
    """ANALYZE ran: the engine chooses its plan from these statistics."""
    example.create(database, sessions=100)
    unknown = "pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
    assert _count(database, unknown) == len(example.TABLES)
    assert _count(database, unknown + " AND reltuples <= 0") == 0


def test_a_seed_gives_the_same_rows_again(database: Connection) -> None:
    """Same seed and same now(): same content; another seed: other content."""
    with database.transaction():
        one, again, other = (_filled(database, name, seed) for name, seed in _SEEDS)
    assert one == again
    assert {table for table in one if one[table] == other[table]} <= {"cron_jobs", "inbox_cursors"}


def _filled(database: Connection, schema: str, seed: float) -> dict[str, str]:
    place = sql.Identifier(schema)
    database.execute(sql.SQL("CREATE SCHEMA {}").format(place))
    database.execute(sql.SQL("SET LOCAL search_path = {}").format(place))
    example.create(database, sessions=50, seed=seed)
    return {table: _checksum(database, schema, table) for table in example.TABLES}


def _checksum(database: Connection, schema: str, table: str) -> str:
    query = "SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM {} AS t"
    row = database.execute(sql.SQL(query).format(sql.Identifier(schema, table))).fetchone()
    assert row is not None
    return str(row[0])


def _count(database: Connection, source: str) -> int:
    row = database.execute(f"SELECT count(*) FROM {source}".encode()).fetchone()
    assert row is not None
    return int(row[0])
