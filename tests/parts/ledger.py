"""Rows of the toolkit's tables as past and present runs would have left them."""

from typing import Any

import psycopg

from maintcli.runtime.context import new_run_id

Conn = psycopg.Connection[tuple[Any, ...]]


def run_was(conn: Conn, outcome: str, *, job: str = "cleanup-sessions", ago: str = "1 min") -> str:
    """A run that began that long ago, and 100 ms later ended so (unless it is `running`)."""
    run_id = new_run_id()
    conn.execute(
        "INSERT INTO job_runs (run_id, job, outcome, exit_code, origin, host, runner_id, version,"
        " config_hash, parameters, lease_token, started_at, finished_at) SELECT %(id)s, %(job)s,"
        " %(outcome)s, 0, 'cron', 'h', 'r', '1', 'defaults', '{}', 1, now() - %(ago)s::interval,"
        " CASE WHEN %(outcome)s <> 'running' THEN now() - %(ago)s::interval + '100 ms' END",
        {"id": run_id, "job": job, "outcome": outcome, "ago": ago},
    )
    return run_id


def beat(conn: Conn, job: str = "cleanup-sessions", *, ago: str = "1 min", **columns: Any) -> None:
    """The job's heartbeat and last success, that long ago, with other `columns` as given."""
    conn.execute(
        "INSERT INTO job_heartbeats (name, last_heartbeat, last_success_at, runner_id)"
        " VALUES (%(job)s, now() - %(ago)s::interval, now() - %(ago)s::interval, 'runner-7')"
        " ON CONFLICT (name) DO UPDATE SET last_heartbeat = excluded.last_heartbeat,"
        " last_success_at = excluded.last_success_at",
        {"job": job, "ago": ago},
    )
    for column, value in columns.items():
        setting = psycopg.sql.SQL("UPDATE job_heartbeats SET {} = %s WHERE name = %s")
        conn.execute(setting.format(psycopg.sql.Identifier(column)), [value, job])


def lease(conn: Conn, run_id: str, *, left: str, job: str = "cleanup-sessions") -> None:
    """The job's lease belongs to that run and has that long left (negative: it has ended)."""
    conn.execute(
        "UPDATE job_heartbeats SET lease_run_id = %s, lease_expires_at = now() + %s::interval"
        " WHERE name = %s",
        [run_id, left, job],
    )
