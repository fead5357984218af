"""Every job that removes or changes stale rows: how to make some, and how to find them again."""

from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

Conn = psycopg.Connection[Any]

_USER: LiteralString = "INSERT INTO users (email) VALUES ('user@example.com');"
_ID: LiteralString = "(SELECT min(id) FROM users)"


@dataclass(frozen=True, kw_only=True)
class Every:
    """A job with what it is to work on.

    `fill` makes %(stale)s stale and %(fresh)s fresh rows in each of the job's tables; `stale` and
    `fresh` count them. `save` is what an application does to make the first stale row fresh, and
    `saved` is true while that row is there. `tables` are all that a dry run has to read. Of a
    number of stale rows the job's `figure` shows `times` as many.
    """

    job: str
    tables: tuple[str, ...]
    fill: LiteralString
    stale: LiteralString
    fresh: LiteralString
    save: LiteralString
    saved: LiteralString
    arguments: tuple[str, ...] = ()
    toml: str = ""
    figure: str = "deleted_count"
    times: int = 1

    @property
    def command(self) -> tuple[str, ...]:
        """The words to run it with, its guard out of the way."""
        return (self.job, *self.arguments)

    def __str__(self) -> str:
        return "-".join([self.job, *(word for word in self.arguments if word == "mark")])


def fill(conn: Conn, every: Every, *, stale: int, fresh: int) -> int:
    """Make the rows; return what the job's figure will be."""
    with psycopg.ClientCursor(conn) as cursor:
        cursor.execute(every.fill, {"stale": stale, "fresh": fresh})
    return stale * every.times


def one(conn: Conn, query: LiteralString) -> Any:
    """The first value of the first row."""
    row = conn.execute(query).fetchone()
    assert row is not None
    return row[0]


_ALL: tuple[str, ...] = ("--max-percent", "100")

SESSIONS = Every(
    job="cleanup-sessions",
    arguments=("--stale-after", "30m"),  # a test may last longer than the default
    tables=("active_sessions",),
    fill="INSERT INTO active_sessions SELECT 's' || i, 'k', now() - CASE WHEN i <= %(stale)s"
    " THEN interval '1 hour' ELSE interval '0' END"
    " FROM generate_series(1, %(stale)s + %(fresh)s) AS i",
    stale="SELECT count(*) FROM active_sessions WHERE last_heartbeat < now() - interval '30 min'",
    fresh="SELECT count(*) FROM active_sessions WHERE last_heartbeat >= now() - interval '30 min'",
    save="UPDATE active_sessions SET last_heartbeat = now() WHERE session_id = 's1'",
    saved="SELECT count(*) = 1 FROM active_sessions WHERE session_id = 's1'",
)

OLD_SESSIONS = Every(
    job="cleanup-old-sessions",
    arguments=(*_ALL, "--tables", "chat_sessions,peptide_info_sessions"),
    tables=("chat_sessions", "peptide_info_sessions", "chat_messages", "peptide_info_messages"),
    times=2,
    fill=f"""{_USER}
    INSERT INTO chat_sessions (id, user_id, updated_at)
    SELECT lpad(i::text, 32, '0')::uuid, {_ID},
           now() - CASE WHEN i <= %(stale)s THEN interval '91 days' ELSE interval '89 days' END
    FROM generate_series(1, %(stale)s + %(fresh)s) AS i;
    INSERT INTO peptide_info_sessions SELECT * FROM chat_sessions;
    INSERT INTO chat_messages (session_id, role, content) SELECT id, 'user', 'a' FROM chat_sessions;
    INSERT INTO peptide_info_messages (session_id, role, content)
    SELECT id, 'user', 'a' FROM chat_sessions""",
    stale="SELECT count(*) FROM (TABLE chat_sessions UNION ALL TABLE peptide_info_sessions) AS s"
    " WHERE updated_at < now() - interval '90 days'",
    fresh="SELECT count(*) FROM (TABLE chat_sessions UNION ALL TABLE peptide_info_sessions) AS s"
    " WHERE updated_at >= now() - interval '90 days'",
    save="UPDATE chat_sessions SET updated_at = now() WHERE id = lpad('1', 32, '0')::uuid",
    saved="SELECT count(*) = 1 FROM chat_sessions WHERE id = lpad('1', 32, '0')::uuid",
)

USAGE_COUNTERS = Every(
    job="cleanup-usage-counters",
    arguments=_ALL,
    tables=("usage_counters",),
    fill=f"""{_USER}
    INSERT INTO usage_counters SELECT {_ID}, at - interval '30 days' - i * interval '1 s', at, i
    FROM (SELECT i, now() - CASE WHEN i <= %(stale)s THEN interval '14 months'
                                 ELSE interval '12 months' END AS at
          FROM generate_series(1, %(stale)s + %(fresh)s) AS i) AS counters""",
    stale="SELECT count(*) FROM usage_counters WHERE period_end < now() - interval '13 months'",
    fresh="SELECT count(*) FROM usage_counters WHERE period_end >= now() - interval '13 months'",
    save="UPDATE usage_counters SET period_end = now() WHERE pages = 1",
    saved="SELECT count(*) = 1 FROM usage_counters WHERE pages = 1",
)

_PROCESSING: LiteralString = f"""{_USER}
    INSERT INTO processing_jobs (id, user_id, created_at)
    SELECT lpad(i::text, 32, '0')::uuid, {_ID},
           now() - CASE WHEN i <= %(stale)s THEN interval '8 days' ELSE interval '6 days' END
    FROM generate_series(1, %(stale)s + %(fresh)s) AS i;
    INSERT INTO source_files (job_id, object_key) SELECT id, 'o/' || id FROM processing_jobs"""

ABANDONED = Every(
    job="cleanup-abandoned-jobs",
    arguments=_ALL,
    tables=("processing_jobs", "source_files"),
    fill=_PROCESSING,
    stale="SELECT count(*) FROM processing_jobs WHERE started_at IS NULL"
    " AND created_at < now() - interval '7 days'",
    fresh="SELECT count(*) FROM processing_jobs WHERE created_at >= now() - interval '7 days'",
    save="UPDATE processing_jobs SET status = 'running', started_at = now()"
    " WHERE id = lpad('1', 32, '0')::uuid",
    saved="SELECT count(*) = 1 FROM processing_jobs WHERE id = lpad('1', 32, '0')::uuid",
)

MARKED = Every(
    job="cleanup-abandoned-jobs",
    arguments=(*_ALL, "--action", "mark"),
    tables=("processing_jobs",),
    figure="updated_count",
    fill=_PROCESSING,
    stale="SELECT count(*) FROM processing_jobs WHERE status = 'pending'"
    " AND created_at < now() - interval '7 days'",
    fresh="SELECT count(*) FROM processing_jobs WHERE status = 'pending'"
    " AND created_at >= now() - interval '7 days'",
    save=ABANDONED.save,
    saved="SELECT status = 'running' FROM processing_jobs WHERE id = lpad('1', 32, '0')::uuid",
)

ANALYTICS = Every(
    job="cleanup-old-analytics",
    arguments=_ALL,
    tables=("analytics_events", "daily_analytics"),
    times=2,
    fill="""
    INSERT INTO analytics_events (event_type, occurred_at)
    SELECT 'e' || i, now() - CASE WHEN i <= %(stale)s THEN interval '367 days'
                                  ELSE interval '363 days' END
    FROM generate_series(1, %(stale)s + %(fresh)s) AS i;
    INSERT INTO daily_analytics (day, event_type, events, users)
    SELECT (occurred_at AT TIME ZONE 'UTC')::date, event_type, 1, 1 FROM analytics_events""",
    stale="SELECT count(*) FROM (SELECT occurred_at FROM analytics_events UNION ALL"
    " SELECT day FROM daily_analytics) AS a WHERE occurred_at < now() - interval '365 days'",
    fresh="SELECT count(*) FROM (SELECT occurred_at FROM analytics_events UNION ALL"
    " SELECT day FROM daily_analytics) AS a WHERE occurred_at >= now() - interval '365 days'",
    save="UPDATE analytics_events SET occurred_at = now() WHERE event_type = 'e1'",
    saved="SELECT count(*) = 1 FROM analytics_events WHERE event_type = 'e1'",
)

HISTORY = Every(
    job="cleanup-run-history",
    arguments=_ALL,
    tables=("job_runs", "job_archives", "job_attempts"),
    fill="""
    INSERT INTO job_runs (run_id, job, outcome, origin, host, runner_id, version, config_hash,
                          parameters, lease_token, started_at)
    SELECT lpad(i::text, 32, '0')::uuid, 'old', 'success', 'cron', 'h', 'r', '1', 'c', '{}'::jsonb, 1,
           now() - CASE WHEN i <= %(stale)s THEN interval '91 days' ELSE interval '1 day' END
           - i * interval '1 s'
    FROM generate_series(1, %(stale)s + %(fresh)s) AS i UNION ALL
    SELECT lpad('f', 32, 'f')::uuid, 'old', 'success', 'cron', 'h', 'r', '1', 'c', '{}'::jsonb, 1, now()""",
    stale="SELECT count(*) FROM job_runs WHERE started_at < now() - interval '90 days'",
    fresh="SELECT count(*) FROM job_runs WHERE job = 'old' AND run_id < lpad('f', 32, 'f')::uuid"
    " AND started_at >= now() - interval '90 days'",
    save="UPDATE job_runs SET started_at = now() WHERE run_id = lpad('1', 32, '0')::uuid",
    saved="SELECT count(*) = 1 FROM job_runs WHERE run_id = lpad('1', 32, '0')::uuid",
)

QUEUES = Every(
    job="cleanup-queues",
    arguments=(
        *_ALL,
        "--tables",
        "jobs,outbox,inbound_emails,email_given_up,cron_fires,export_jobs",
    ),
    tables=("cron_fires", "outbox", "jobs", "inbound_emails", "email_given_up", "export_jobs"),
    times=6,
    fill="""
    CREATE TEMPORARY TABLE times AS
    SELECT i, now() - CASE WHEN i <= %(stale)s THEN interval '91 days'
                           ELSE interval '1 day' END - i * interval '1 s' AS at
    FROM generate_series(1, %(stale)s + %(fresh)s) AS i;
    INSERT INTO cron_jobs (name, cron_expression, job_type) VALUES ('c', '* * * * *', 'noop');
    INSERT INTO cron_fires SELECT (SELECT id FROM cron_jobs), at, at FROM times;
    INSERT INTO webhook_endpoints (url, secret) VALUES ('https://example.com', 'whsec_x');
    INSERT INTO outbox (event_type, payload, endpoint, status, delivered_at)
    SELECT 'e', '{}', (SELECT id FROM webhook_endpoints), 'delivered', at FROM times;
    INSERT INTO jobs (type, status, started_at, finished_at)
    SELECT 't', 'completed', at, at FROM times;
    INSERT INTO inbound_emails (account, uidvalidity, uid, seen_at) SELECT 'a', 1, i, at FROM times;
    INSERT INTO email_given_up (order_id, email_type, attempts, created, recipient, reason,
                                given_up_at, notified_at)
    SELECT 'o' || i, 'e', 5, at, 'r@example.com', 'attempts', at, at FROM times;
    INSERT INTO export_jobs (kind, status, created_at) SELECT 'k', 'completed', at FROM times;
    DROP TABLE times""",
    stale="""SELECT count(*) FROM (
        SELECT fired_at AS at FROM cron_fires
        UNION ALL SELECT delivered_at FROM outbox UNION ALL SELECT finished_at FROM jobs
        UNION ALL SELECT seen_at FROM inbound_emails UNION ALL SELECT given_up_at FROM email_given_up
        UNION ALL SELECT created_at FROM export_jobs
    ) AS r WHERE at < now() - interval '90 days'""",
    fresh="""SELECT count(*) FROM (
        SELECT fired_at AS at FROM cron_fires
        UNION ALL SELECT delivered_at FROM outbox UNION ALL SELECT finished_at FROM jobs
        UNION ALL SELECT seen_at FROM inbound_emails UNION ALL SELECT given_up_at FROM email_given_up
        UNION ALL SELECT created_at FROM export_jobs
    ) AS r WHERE at >= now() - interval '90 days'""",
    save="UPDATE inbound_emails SET seen_at = now() WHERE uid = 1",
    saved="SELECT count(*) = 1 FROM inbound_emails WHERE uid = 1",
)

RETENTION = Every(
    job="retention-cleanup",
    arguments=_ALL,
    tables=("audit",),
    toml='[[retention]]\ntable = "audit"\ncolumn = "at"\nkeep = "30d"\n',
    fill="CREATE TABLE audit AS SELECT i AS id, now() - CASE WHEN i <= %(stale)s"
    " THEN interval '31 days' ELSE interval '29 days' END AS at"
    " FROM generate_series(1, %(stale)s + %(fresh)s) AS i",
    stale="SELECT count(*) FROM audit WHERE at < now() - interval '30 days'",
    fresh="SELECT count(*) FROM audit WHERE at >= now() - interval '30 days'",
    save="UPDATE audit SET at = now() WHERE id = 1",
    saved="SELECT count(*) = 1 FROM audit WHERE id = 1",
)

SWEEP = Every(
    job="old-letters",
    arguments=_ALL,
    tables=("letters", "stamps"),
    toml="""[sweeps.old-letters]
table = "letters"
column = "sent at"
keep = "30d"
where = "status = 'sent'"
allow-sql = true
""",
    # Half of the fresh ones are old, and kept by the condition alone.
    fill="""CREATE TABLE letters (id bigint PRIMARY KEY, "sent at" timestamptz, status text);
    CREATE TABLE stamps (letter bigint NOT NULL REFERENCES letters ON DELETE CASCADE);
    CREATE INDEX ON stamps (letter);
    INSERT INTO letters SELECT i,
           now() - CASE WHEN i <= %(stale)s + %(fresh)s / 2 THEN interval '31 days'
                        ELSE interval '29 days' END,
           CASE WHEN i BETWEEN %(stale)s + 1 AND %(stale)s + %(fresh)s / 2 THEN 'kept'
                ELSE 'sent' END
    FROM generate_series(1, %(stale)s + %(fresh)s) AS i;
    INSERT INTO stamps SELECT id FROM letters""",
    stale="SELECT count(*) FROM letters WHERE status = 'sent'"
    " AND \"sent at\" < now() - interval '30 days'",
    fresh="SELECT count(*) FROM letters WHERE status = 'kept'"
    " OR \"sent at\" >= now() - interval '30 days'",
    save="UPDATE letters SET status = 'kept' WHERE id = 1",
    saved="SELECT count(*) = 1 FROM letters JOIN stamps ON letter = id WHERE id = 1",
)

STRAGGLERS = Every(
    job="reconcile-stragglers",
    tables=("jobs",),
    figure="updated_count",
    fill="INSERT INTO jobs (type, status, started_at, locked_until, priority)"
    " SELECT 't', 'running', now() - CASE WHEN i <= %(stale)s THEN interval '2 hours'"
    " ELSE interval '1 minute' END, now() - interval '1 minute', CASE WHEN i = 1 THEN 0 ELSE 2 END"
    " FROM generate_series(1, %(stale)s + %(fresh)s) AS i",
    stale="SELECT count(*) FROM jobs WHERE status = 'running'"
    " AND started_at < now() - interval '1 hour'",
    fresh="SELECT count(*) FROM jobs WHERE status = 'running'"
    " AND started_at >= now() - interval '1 hour'",
    save="UPDATE jobs SET status = 'completed', finished_at = now() WHERE priority = 0",
    saved="SELECT status = 'completed' FROM jobs WHERE priority = 0",
)

ORPHANS = Every(
    job="cleanup-orphans",
    arguments=_ALL,
    tables=("stored_files", "users"),
    fill=f"""{_USER}
    INSERT INTO stored_files (object_key, owner, size_bytes, created_at)
    SELECT 'o' || i, CASE WHEN i <= %(stale)s THEN 1000000 + i ELSE {_ID} END, 1,
           now() - interval '2 days'
    FROM generate_series(1, %(stale)s + %(fresh)s) AS i""",
    stale="SELECT count(*) FROM stored_files WHERE owner NOT IN (SELECT id FROM users)",
    fresh="SELECT count(*) FROM stored_files WHERE owner IN (SELECT id FROM users)",
    save="INSERT INTO users (id, email) OVERRIDING SYSTEM VALUE VALUES (1000001, 'late@example.com')",
    saved="SELECT count(*) = 1 FROM stored_files WHERE object_key = 'o1'",
)

OPT_OUTS = Every(
    job="cleanup-opt-outs",
    arguments=_ALL,
    tables=(
        "users",
        "chat_sessions",
        "chat_messages",
        "peptide_info_sessions",
        "peptide_info_messages",
        "processing_jobs",
        "source_files",
        "usage_counters",
        "analytics_events",
        "stored_files",
    ),
    fill="""
    INSERT INTO users (email, opted_out_at)
    SELECT 'user' || i, CASE WHEN i <= %(stale)s THEN now() - interval '1 hour' END
    FROM generate_series(1, %(stale)s + %(fresh)s) AS i;
    INSERT INTO analytics_events (event_type, user_id) SELECT 'e', id FROM users""",
    stale="SELECT count(*) FROM analytics_events JOIN users ON users.id = user_id"
    " WHERE opted_out_at IS NOT NULL",
    fresh="SELECT count(*) FROM analytics_events JOIN users ON users.id = user_id"
    " WHERE opted_out_at IS NULL",
    save="UPDATE users SET opted_out_at = NULL WHERE email = 'user1'",
    saved="SELECT count(*) = 1 FROM analytics_events JOIN users ON users.id = user_id"
    " WHERE email = 'user1'",
)

EVERY = (
    SESSIONS,
    OLD_SESSIONS,
    USAGE_COUNTERS,
    ABANDONED,
    MARKED,
    ANALYTICS,
    HISTORY,
    QUEUES,
    RETENTION,
    SWEEP,
    STRAGGLERS,
    ORPHANS,
    OPT_OUTS,
)
